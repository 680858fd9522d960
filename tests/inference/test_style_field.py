"""Styles by place: every region is its style's own run, whatever the other regions hold."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.architectures._field import StyleField
from brushwork.core.architectures._layers import ConditionalInstanceNorm
from brushwork.core.inference import Controls, StyleLayer, StyleModel, Stylizer
from brushwork.core.inference.strength import weaken_code
from brushwork.core.spec import IDENTITY, ModelSpec, StyleInfo

WIDTH, REACH = 144, 56
"""Of the picture, and how far any of these networks sees, in pixels."""

CONFIGS = {
    "conditional_transformer_net": {"encoder_widths": (4, 6, 8), "decoder_widths": (6, 4), "blocks": 1, "styles": 3},
    "adain": {"encoder": {"widths": ((8,), (8,), (12,))}},
    "msg_net": {"width": 4, "blocks": 1, "stem": 8, "down": 4, "up": (4, 4), "expansion": 2},
    "microast": {"widths": (4, 4, 8)},
}


@pytest.fixture(params=CONFIGS)
def model(request) -> StyleModel:
    network = build_network(request.param, CONFIGS[request.param])
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, 0, 0.3)
    for module in network.modules():
        if isinstance(module, ConditionalInstanceNorm):
            torch.nn.init.uniform_(module.weight, 0.2, 2)
            torch.nn.init.normal_(module.bias)
    names = ("a", "b", IDENTITY) if request.param.startswith("conditional") else ()
    model = StyleModel(
        network.double(), ModelSpec(request.param, CONFIGS[request.param], styles=tuple(map(StyleInfo, names)))
    )
    spread_output(model)
    return model


def spread_output(model: StyleModel) -> None:
    """Into 0..1: what is clamped on both sides would agree whatever the network does."""
    network = model.network
    last = getattr(network, "output", None) or list(network.decoder.modules())[-1]
    if model.spec.architecture == "adain":
        last = network.decoder.get_submodule(network.decoder.names[-1])
    if model.spec.architecture == "microast":
        last = network.decoder.output
    styles = chosen(model)
    for _ in range(2):
        code = model.encode(styles[0])
        with torch.inference_mode():
            out = network(photo(), code)
        with torch.no_grad():
            scale = 0.2 / out.std((0, 2, 3)).clone()
            last.weight.mul_(scale[:, None, None, None])
            last.bias.mul_(scale).add_(0.5 - out.mean((0, 2, 3)).clone() * scale)


def photo() -> torch.Tensor:
    """Dark on the left, bright and busy on the right: the regions' statistics differ from the whole picture's."""
    generator = torch.Generator().manual_seed(5)
    noise = torch.rand(1, 3, 16, WIDTH, generator=generator, dtype=torch.float64)
    ramp = torch.linspace(0.05, 1, WIDTH)
    return 0.1 + 0.8 * noise * ramp


def chosen(model: StyleModel) -> tuple:
    if model.style_kind == "conditional":
        return "a", "b"
    first, second = torch.rand(2, 1, 3, 40, 40, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    return first * torch.tensor([1.0, 0.3, 0.2]).view(1, 3, 1, 1), second.round() * 0.9


def halves() -> tuple[torch.Tensor, torch.Tensor]:
    left = torch.zeros(16, WIDTH)
    left[:, : WIDTH // 2] = 1
    return left, 1 - left


def field(model, *masks, weights=(1.0, 1.0)):
    return [StyleLayer(style, w, m) for style, w, m in zip(chosen(model), weights, masks, strict=True)]


def test_a_mask_of_ones_is_the_plain_run_bit_for_bit(model):
    stylizer = Stylizer(model, "cpu")
    plain = stylizer(photo(), chosen(model)[0])
    assert plain.std() > 0.05
    assert torch.equal(stylizer(photo(), [StyleLayer(chosen(model)[0], 0.7, torch.ones(9, 30))]), plain)
    ones = torch.ones(16, WIDTH)
    mixed = stylizer(photo(), field(model, ones, ones, weights=(1, 3)))
    assert torch.equal(mixed, stylizer(photo(), field(model, None, None, weights=(1, 3))))


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_two_halves_are_the_two_runs_beyond_the_receptive_field(model, strength):
    def run(style):  # without the exposure step, which looks at the whole picture
        return model.paint(photo(), weaken_code(model, model.encode(style), strength))

    first, second = (run(style) for style in chosen(model))
    both, half = run(field(model, *halves())), WIDTH // 2
    assert (both - first)[..., : half - REACH].abs().max() <= 1e-4
    assert (both - second)[..., half + REACH :].abs().max() <= 1e-4
    assert (first - second).abs().mean() > 0.01, "the styles agree: nothing was compared"


def test_overlapping_masks_are_normalized(model):
    left, right = halves()
    wide = (left + torch.linspace(0, 0.5, WIDTH)).clamp(0, 1)
    total = wide + right
    overlapping = model(photo(), field(model, wide, right))
    shares = model(photo(), field(model, wide / total, right / total))
    assert (overlapping - shares).abs().max() <= 1e-4


def test_a_ramp_blends_without_a_seam(model):
    """No step between neighbouring columns that the two runs do not have themselves."""
    stylizer = Stylizer(model, "cpu")
    ramp = torch.linspace(-1, 2, WIDTH).clamp(0, 1).expand(16, WIDTH)
    both = stylizer(photo(), field(model, 1 - ramp, ramp))

    def steps(image):
        return image.diff(dim=-1).abs().mean((0, 1, 2))

    runs = torch.stack([steps(stylizer(photo(), style)) for style in chosen(model)]).amax(0)
    assert steps(both).max() <= 1.3 * runs.max()
    middle = slice(WIDTH // 3, 2 * WIDTH // 3)
    assert steps(both)[middle].max() <= 1.3 * runs[middle].max()


def test_regional_statistics_reach_every_method(model):
    layers = field(model, *halves())
    regional = Stylizer(model, "cpu")(photo(), layers, controls=Controls(region_statistics=True))
    assert (regional - Stylizer(model, "cpu")(photo(), layers)).abs().max() > 0.02
    uniform = Stylizer(model, "cpu")(photo(), chosen(model)[0], controls=Controls(region_statistics=True))
    assert torch.equal(uniform, Stylizer(model, "cpu")(photo(), chosen(model)[0]))


def test_regional_normalization_is_its_formula():
    x, maps = torch.randn(2, 3, 8, 12, dtype=torch.float64), torch.rand(1, 2, 8, 12, dtype=torch.float64).softmax(1)
    scale, shift = torch.rand(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    regions, out = StyleField(maps, regional=True), x
    for _ in regions.runs():
        out = regions.normalize(x, scale, shift, eps=1e-5, correction=1)
    expected = torch.zeros_like(x)
    for k in range(2):
        m = maps[:, k : k + 1]
        mean = (m * x).sum((2, 3), keepdim=True) / m.sum()
        variance = (m * (x - mean) ** 2).sum((2, 3), keepdim=True) / (m.sum() - 1)
        normalized = (x - mean) / (variance + 1e-5).sqrt()
        expected += m * (scale[k, :, None, None] * normalized + shift[k, :, None, None])
    assert torch.allclose(out, expected)


def test_a_region_too_small_for_statistics_takes_the_pictures():
    x = torch.randn(1, 3, 8, 8)
    maps = torch.zeros(1, 2, 8, 8)
    maps[:, 0] = 1
    maps[:, :, 0, 0] = torch.tensor([0.0, 1.0])
    tiny, out = StyleField(maps, regional=True), x
    for _ in tiny.runs():
        out = tiny.normalize(x, eps=1e-5)
    assert torch.isfinite(out).all()
    assert torch.allclose(out[..., 0, 0], torch.nn.functional.instance_norm(x)[..., 0, 0], atol=1e-5)


def test_a_field_of_pictures_by_the_batch(model):
    if model.style_kind != "image":
        pytest.skip("styles by name are the same for all photos")
    photos, pictures = photo().repeat(2, 1, 1, 1), torch.rand(2, 3, 40, 40, dtype=torch.float64)
    photos[1] = photos[1].flip(-1)
    left, right = halves()
    layers = [StyleLayer(pictures, 1, left), StyleLayer(pictures.flip(0), 1, right)]
    together = Stylizer(model, "cpu", max_batch=2)(photos, layers)
    for i in range(2):
        own = [StyleLayer(pictures[i : i + 1], 1, left), StyleLayer(pictures[1 - i : 2 - i], 1, right)]
        assert torch.allclose(together[i], Stylizer(model, "cpu")(photos[i : i + 1], own)[0], atol=1e-4)


def test_masks_that_complete_each_other_leave_nothing_of_the_photo(model):
    ramp = torch.linspace(0, 1, WIDTH).expand(16, WIDTH)
    layers = field(model, 1 - ramp, ramp)
    assert torch.allclose(Stylizer(model, "cpu")(photo(), layers), model(photo(), layers), atol=1e-5)
