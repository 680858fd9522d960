"""Styles and strengths by place in the engine, against the plain path in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.core.architectures import StyleCode, build_network
from brushwork.core.architectures._mixing import style_maps
from brushwork.core.inference.engine import Engine, rows
from brushwork.core.inference.engine.maps import Maps
from brushwork.core.inference.painter import Painter
from brushwork.core.masks import convex, resize_mask
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleLayer, StyleModel

RESIZED = 3e-5
"""Masks are resized in float32, here in another order than there, and normalization makes more of the difference."""

ENCODER = {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect", "ceil_pool": True, "input_conv": True}
FLOOR = {**ENCODER, "ceil_pool": False, "input_conv": False}
NETWORKS = {
    "conditional": (
        "conditional_transformer_net",
        {"encoder_widths": [4, 6, 10], "decoder_widths": [6, 4], "blocks": 2, "styles": 4, "output": "sigmoid"},
    ),
    "output norm": (
        "conditional_transformer_net",
        {
            "encoder_widths": [4, 6, 10],
            "decoder_widths": [6, 4],
            "blocks": 1,
            "styles": 4,
            "output_norm": True,
            "output": "sigmoid",
        },
    ),
    "msg_net": ("msg_net", {"width": 8, "blocks": 2, "stem": 8, "down": 4, "up": [4, 2]}),
    "adain": ("adain", {"encoder": ENCODER}),
    "adain floor": ("adain", {"encoder": FLOOR}),
    "modulated": ("adain", {"encoder": FLOOR, "widths": [6, 5, 4], "blocks": [1, 2, 0], "hidden": 7}),
    "comatch": ("comatch", {"encoder": FLOOR, "widths": [6, 5, 4], "blocks": [1, 2, 0], "hidden": 7}),
}


@pytest.fixture(params=NETWORKS)
def model(request) -> StyleModel:
    """Random weights whose pictures are neither black nor white."""
    architecture, hyperparameters = NETWORKS[request.param]
    torch.manual_seed(0)
    network = build_network(architecture, hyperparameters)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or "norm" in name:
            torch.nn.init.normal_(parameter, 0.3, 0.4)
    if "modulator.out.weight" in dict(network.named_parameters()):
        torch.nn.init.normal_(network.modulator.out.weight, 0, 0.3)
    if getattr(network, "comatch", None) is not None and network.comatch.whitening is not None:
        torch.nn.init.normal_(network.comatch.whitening)
    last = network.decoder.get_submodule("conv1_1") if "adain" in request.param else getattr(network, "output", None)
    if architecture in ("msg_net", "adain", "comatch") and last is not None:
        torch.nn.init.normal_(last.weight, 0, 0.02 if architecture == "msg_net" else 0.1)
        torch.nn.init.constant_(last.bias, 0.5)
    styles = tuple(StyleInfo(str(i)) for i in range(hyperparameters.get("styles", 1)))
    spec = ModelSpec(architecture, hyperparameters, styles=styles)
    return StyleModel(network.double(), spec)


@pytest.fixture(params=[None, 600], ids=["blocks", "few rows"])
def small_blocks(request, monkeypatch):
    """Also with blocks of a few rows, so that layers and maps meet every kind of boundary between two blocks."""
    if request.param:
        monkeypatch.setattr(rows, "BLOCK_BYTES", request.param)
        monkeypatch.setattr(rows, "FEWEST_ROWS", 2)


def photo_of(height: int, width: int, count: int = 1) -> torch.Tensor:
    """Brighter and busier on the right, so that regions differ from the whole picture."""
    noise = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (0.1 + 0.8 * noise * torch.linspace(0.1, 1, width)).clamp(0, 1)


def code_of(model: StyleModel, masks: torch.Tensor, alpha: float | torch.Tensor = 1.0, *, regional: bool = False):
    """Masks (B, K, h, w) for the first K styles."""
    generator = torch.Generator().manual_seed(3)
    pictures = [torch.rand(1, 3, 24, 30, generator=generator, dtype=torch.float64) ** (k + 1) for k in range(3)]
    names = [str(k) for k in range(masks.shape[1])] if model.style_kind == "conditional" else pictures
    layers = [StyleLayer(name, 1.0, masks[:, k]) for k, name in zip(range(masks.shape[1]), names, strict=False)]
    code = model.encode(layers, len(masks))
    return replace(code, alpha=alpha if model.network.has_alpha else 1.0, regional=regional)


def soft_masks(count: int, height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, count, 5, 7, generator=torch.Generator().manual_seed(7))
    maps = torch.nn.functional.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)
    maps = (convex((maps - 0.4).clamp(0, 1) + 1e-3) * 256).floor() / 256
    maps[:, 0] += 1 - maps.sum(1)  # exactly 1 in float32, too
    return maps


def difference(model: StyleModel, photo: torch.Tensor, code: StyleCode, *, keep: bool = True) -> float:
    plain = model.paint(photo, code)
    assert plain.std() > 0.02, "nothing to compare"
    return float((Engine(model, torch.float64).paint(photo, code, keep=keep) - plain).abs().max())


@pytest.mark.parametrize(("size", "keep"), [((48, 56), True), ((37, 58), False)])
@pytest.mark.parametrize("regional", [False, True])
def test_styles_by_place_are_those_of_the_plain_path(model, regional, size, keep, small_blocks):
    code = code_of(model, soft_masks(3, *size), regional=regional)
    assert difference(model, photo_of(*size), code, keep=keep) < 1e-10


@pytest.mark.parametrize("alpha", ["number", "map", "map at another size"])
def test_strength_by_place_is_that_of_the_plain_path(model, alpha, small_blocks):
    size = (41, 60)
    ramp = torch.linspace(0, 1, 60).expand(1, 1, 41, 60).clone()
    alphas = {"number": 0.4, "map": ramp, "map at another size": ramp[..., ::2, ::3]}
    for masks in (soft_masks(2, *size), torch.ones(1, 1, 41, 60)):
        code = code_of(model, masks, alphas[alpha])
        assert difference(model, photo_of(*size), code) < (RESIZED if alpha == "map at another size" else 1e-10)


@pytest.mark.parametrize("masks", [(90, 23), (13, 120), (41, 200), (200, 60), (7, 5)])
def test_masks_of_any_size(model, masks, small_blocks):
    assert difference(model, photo_of(41, 60), code_of(model, soft_masks(2, *masks), regional=True)) < RESIZED


def test_every_picture_of_a_batch_has_its_masks_and_styles_that_it_lacks_cost_nothing(model):
    masks = soft_masks(3, 32, 40, 2)
    masks[1, 1] = 0
    masks[1, 0] = 1 - masks[1, 2]
    code = code_of(model, masks, 0.5)
    assert difference(model, photo_of(32, 40, 2), code) < 1e-10


def test_a_region_without_statistics_of_its_own(model):
    masks = torch.zeros(1, 2, 40, 48)
    masks[:, 0] = 1
    masks[0, :, :2, :2] = torch.tensor([0.0, 1.0])[:, None, None]
    assert difference(model, photo_of(40, 48), code_of(model, masks, regional=True)) < 1e-10


def test_half_precision_by_place_is_near(model):
    code = code_of(model, soft_masks(2, 64, 64))
    plain = model.paint(photo_of(64, 64), code)
    error = (Engine(model, torch.bfloat16).paint(photo_of(64, 64), code) - plain).square().mean()
    assert -10 * error.log10() > 25


def test_progress_by_place_ends_at_one(model):
    for regional in (False, True):
        seen: list[float] = []
        code = code_of(model, soft_masks(2, 40, 40), regional=regional)
        Painter(model, torch.device("cpu"), torch.float64).paint(photo_of(40, 40), code, seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == pytest.approx(1)


@pytest.mark.parametrize("photo", [(48, 56), (17, 90), (41, 33)])
@pytest.mark.parametrize("masks", [None, (30, 70), (100, 20)])
def test_rows_of_maps_are_those_of_whole_maps(photo, masks, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_BYTES", 400)
    monkeypatch.setattr(rows, "FEWEST_ROWS", 2)
    given = soft_masks(3, *(masks or photo))
    picture = tuple(-(-side // 8) * 8 for side in photo)
    resized = resize_mask(given, *photo)
    maps = Maps(given[0], None, photo, (0, 0), picture, torch.float64)
    for scale in (1, 2, 4, 8):
        size = (picture[0] // scale, picture[1] // scale)
        whole = style_maps(resized, size, dtype=torch.float64)[0]
        read = maps.at(*size)
        strips = [read(first, min(3, size[0] - first)) for first in range(0, size[0], 3)]
        found = torch.cat(strips).view(*size, 3).permute(2, 0, 1)
        assert (found - whole).abs().max() < 2e-6
