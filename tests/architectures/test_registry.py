"""Every architecture of the registry: builds, survives its own file bit for bit, takes any size, trains."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES, StyleCode, build_network
from brushwork.core.checkpoints import inspect_checkpoint, load_checkpoint, save_checkpoint
from brushwork.core.errors import ConfigError, UnsupportedCheckpointError
from brushwork.core.normalization import PRESETS
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleLayer, StyleModel

TINY_TRANSFORMER = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1}
TINY_ENCODER = {
    "widths": [[4, 4], [6], [8]],
    "padding": "reflect",
    "ceil_pool": False,
    "input_conv": True,
    "normalization": PRESETS["imagenet"].to_dict(),
}
TINY: dict[str, dict] = {
    "transformer_net": TINY_TRANSFORMER,
    "conditional_transformer_net": {**TINY_TRANSFORMER, "styles": 2},
    "msg_net": {"width": 4, "blocks": 1, "stem": 6, "down": 3, "up": [3, 2]},
    "adain": {"encoder": TINY_ENCODER},
    "comatch": {"encoder": TINY_ENCODER, "widths": [6, 5, 4], "blocks": [1, 1, 0], "hidden": 8},
    "microast": {"widths": [4, 8, 16]},
}
"""One row for each entry; a new architecture without one fails below."""


@pytest.fixture(params=sorted(ARCHITECTURES))
def model(request) -> StyleModel:
    hyperparameters = TINY[request.param]
    styles = tuple(StyleInfo(f"style {i}") for i in range(hyperparameters.get("styles", 1)))
    spec = ModelSpec(request.param, hyperparameters, PRESETS["bgr255"], styles, title="tiny", license="MIT")
    network = build_network(request.param, hyperparameters)
    with torch.no_grad():
        for parameter in network.parameters():  # fresh γ, β are the same for all styles
            parameter.add_(0.1 * torch.randn_like(parameter))
    return StyleModel(network, spec)


def stylize(model: StyleModel, *size: int) -> torch.Tensor:
    picture = torch.rand(2, 3, *size)
    return model(picture, torch.rand(1, 3, 19, 23) if model.style_kind == "image" else None)


def test_every_architecture_has_a_row():
    assert set(TINY) == set(ARCHITECTURES), "add a tiny configuration of the new architecture to TINY"


def test_round_trip(model, tmp_path):
    path = save_checkpoint(model, tmp_path / "model.safetensors", dtype=None)
    loaded = load_checkpoint(path)
    assert loaded.spec == model.spec
    assert json.loads(json.dumps(dict(loaded.spec.hyperparameters))) == TINY[model.spec.architecture]
    torch.manual_seed(1)
    expected = stylize(model, 21, 34)
    torch.manual_seed(1)
    assert torch.equal(stylize(loaded, 21, 34), expected)
    assert expected.std() > 0


def test_hyperparameters_change_the_network():
    for name in TINY.keys() - {"comatch"}:  # whose decoder is made for an encoder
        hyperparameters = TINY[name]
        small = sum(p.numel() for p in build_network(name, hyperparameters).parameters())
        default = sum(p.numel() for p in build_network(name, {}).parameters())
        assert small < default


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (33, 18)])
def test_any_size(model, size):
    out = stylize(model, *size)
    assert out.shape == (2, 3, *size)
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 1


def test_float64_throughout(model):
    model.network.double()
    network, spec = model.network, model.spec
    side = 4 * network.min_side
    x = torch.rand(1, 3, side + 3, side, dtype=torch.float64)
    code = None
    if model.style_kind == "conditional":
        code = StyleCode(torch.tensor([[0.5, 0.5]]))
    if model.style_kind == "image":
        features = network.encode_style(spec.normalization.encode(x))
        assert {part.dtype for part in features} == {torch.float64}
        code = StyleCode(torch.ones(1, 1), features)
    assert network(x, code).dtype == torch.float64


def test_everything_but_the_fixed_encoder_learns(model):
    network = model.network.train()
    side = 4 * network.min_side
    code = StyleCode(torch.tensor([[0.25, 0.75]]))
    if model.style_kind == "image":
        code = StyleCode(code.weights, network.encode_style(torch.rand(2, 3, side, side)))
    network(torch.rand(2, 3, side, side), code).square().mean().backward()
    for name, parameter in network.named_parameters():
        fixed = model.spec.architecture in ("adain", "comatch") and name.startswith("encoder.")
        assert (parameter.grad is None) == fixed, name


@pytest.mark.parametrize("model", [e.id for e in ARCHITECTURES.values() if e.style_kind != "fixed"], indirect=True)
def test_a_uniform_mask_is_a_global_mix(model):
    model.network.double()
    picture = torch.rand(1, 3, 29, 41)
    first, second = (0, 1) if model.style_kind == "conditional" else torch.rand(2, 1, 3, 24, 24)
    whole = model(picture, [StyleLayer(first, 0.25), StyleLayer(second, 0.75)])
    mask = torch.full((29, 41), 0.5)
    masked = model(picture, [StyleLayer(first, 0.25, mask), StyleLayer(second, 0.75, mask)])
    assert (whole - masked).abs().max() < 1e-6
    assert (whole - model(picture, [StyleLayer(first)])).abs().max() > 1e-6


def test_batch_is_the_loop(model):
    model.network.double()
    pictures, styles = torch.rand(2, 3, 24, 31), torch.rand(2, 3, 20, 20)
    image = model.style_kind == "image"
    together = model(pictures, styles if image else None)
    for i in range(2):
        alone = model(pictures[i : i + 1], styles[i : i + 1] if image else None)
        assert (together[i : i + 1] - alone).abs().max() < 1e-6


def test_inspect_agrees_with_load(model, tmp_path):
    path = save_checkpoint(model, tmp_path / "model.safetensors")
    facts = inspect_checkpoint(path).to_dict()
    assert json.loads(json.dumps(facts)) == facts | {"styles": list(facts["styles"]), "warnings": []}
    assert facts["architecture"] == model.spec.architecture
    assert facts["parameters"] == sum(t.numel() for t in model.network.state_dict().values())
    assert (facts["dtype"], facts["normalization"], facts["metadata"]["license"]) == ("float16", "bgr255", "MIT")


def test_unknown_id_and_unknown_option():
    with pytest.raises(UnsupportedCheckpointError, match="no architecture `gan`"):
        build_network("gan", {})
    with pytest.raises(ConfigError, match="malformed"):
        build_network("msg_net", {"depth": 3})
