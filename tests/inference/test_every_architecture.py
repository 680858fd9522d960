"""Stylizer's contract on every network of the registry, with random weights."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES, build_network
from brushwork.core.inference import Stylizer
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

TRANSFORMER = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1}
TINY = {
    "transformer_net": TRANSFORMER,
    "conditional_transformer_net": {**TRANSFORMER, "styles": 2},
    "msg_net": {"width": 8, "blocks": 1},
    "adain": {"encoder": {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect"}},
    "comatch": {
        "encoder": {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect"},
        "widths": [6, 5, 4],
        "blocks": [1, 0, 1],
        "hidden": 8,
    },
    "microast": {"widths": [4, 8, 16]},
}
VARIANTS = {
    "adain modulated": (
        "adain",
        {
            "encoder": {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect"},
            "widths": [6, 5, 4],
            "blocks": [1, 0, 1],
            "hidden": 8,
        },
    ),
}
"""Networks that are built from other hyperparameters of the same architecture."""


@pytest.fixture(params=[*ARCHITECTURES, *VARIANTS])
def model(request) -> StyleModel:
    architecture, hyperparameters = VARIANTS.get(request.param, (request.param, TINY.get(request.param, {})))
    network = build_network(architecture, hyperparameters)
    kind = ARCHITECTURES[architecture].style_kind
    styles = tuple(StyleInfo(name) for name in ("a", "b")[: 2 if kind == "conditional" else 1])
    spec = ModelSpec(architecture, hyperparameters, styles=() if kind == "image" else styles)
    return StyleModel(network, spec)


def style_for(model, side=20):
    return torch.rand(1, 3, side, side) if model.style_kind == "image" else None


@pytest.mark.usefixtures("fast_is_bf16")
@pytest.mark.parametrize("size", [(1, 1), (1, 200), (7, 5), (51, 83)])
@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_any_size_in_both_precisions(model, size, precision):
    photo = torch.rand(2, 4, *size)
    stylizer = Stylizer(model, "cpu", precision)
    for strength in (0.0, 0.5, 1.0):
        out = stylizer(photo, style_for(model), strength)
        assert out.shape == photo.shape
        assert torch.isfinite(out).all()
        assert 0 <= out.min() <= out.max() <= 1
        assert torch.equal(out[:, 3], photo[:, 3])


@pytest.mark.parametrize("side", [1, 3, 64])
def test_style_pictures_of_any_size(model, side):
    out = Stylizer(model, "cpu")(torch.rand(1, 3, 24, 20), style_for(model, side))
    assert torch.isfinite(out).all()


@pytest.mark.usefixtures("fast_is_bf16")
def test_fast_is_close_to_exact(model):
    photo, style = torch.rand(1, 3, 64, 64), style_for(model)
    exact = Stylizer(model, "cpu", "exact")(photo, style)
    fast = Stylizer(model, "cpu", "fast")(photo, style)
    # random weights amplify rounding; trained ones give 47 to 54 dB
    assert -10 * (fast - exact).square().mean().log10() > 25


def test_a_batch_in_one_pass_is_the_pictures_one_by_one(model):
    photo, style = torch.rand(3, 3, 40, 36), style_for(model)
    together = Stylizer(model, "cpu", max_batch=3)(photo, style)
    alone = Stylizer(model, "cpu", max_batch=1)(photo, style)
    assert torch.allclose(together, alone, atol=1e-4)
