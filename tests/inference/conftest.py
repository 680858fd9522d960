"""Tiny networks of each style kind."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES, Architecture, StyleNetwork, build_network
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

TINY = {"encoder_widths": (4, 6, 8), "decoder_widths": (6, 4), "blocks": 1}


def fixed_model(norm: str = "instance") -> StyleModel:
    """One style; random weights, and running statistics that are not the trivial ones."""
    config = {**TINY, "norm": norm}
    network = build_network("transformer_net", config)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.05, 0.2)
    centre_output(network)
    return StyleModel(network, ModelSpec("transformer_net", config, styles=(StyleInfo("only"),)))


def conditional_model(*names: str) -> StyleModel:
    """Styles that differ visibly."""
    config = {**TINY, "norm": "conditional", "styles": len(names)}
    network = build_network("conditional_transformer_net", config)
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(parameter, float(name.endswith("weight")), 0.5)
    centre_output(network)
    styles = tuple(StyleInfo(name) for name in names)
    return StyleModel(network, ModelSpec("conditional_transformer_net", config, styles=styles))


def centre_output(network) -> None:
    """Around mid grey: a picture that is clamped to black everywhere would pass any comparison."""
    last = network.output
    with torch.no_grad():
        last.weight.mul_(0.5)
        last.bias.fill_(0.5)


@pytest.fixture
def fixed() -> StyleModel:
    return fixed_model()


@pytest.fixture
def conditional() -> StyleModel:
    return conditional_model("waves", "dots", "identity")


@pytest.fixture(params=["instance", "batch", "conditional"])
def any_model(request) -> StyleModel:
    if request.param == "conditional":
        return conditional_model("waves", "dots", "identity")
    return fixed_model(request.param)


class MeanColourNetwork(StyleNetwork):
    """An any-style network to compute by hand: the photo is pulled to the style's mean colour."""

    style_kind = "image"
    has_alpha = True
    min_side = 4

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([0.25]))
        self.encoded = 0

    def encode_style(self, image):
        self.encoded += len(image)
        return (image.mean((2, 3)),)

    def forward(self, x, style=None):
        weights, (means,) = style.weights.to(x.dtype), style.features
        goal = torch.einsum("bs...,sc->bc...", weights, means)
        goal = goal if goal.ndim == 4 else goal[..., None, None]
        return x + style.alpha * (goal + self.scale * (x - 0.5) - x)


@pytest.fixture
def any_style(monkeypatch) -> StyleModel:
    entry = Architecture("mean_colour", "Mean colour", "0000.00000", "image", lambda _: MeanColourNetwork())
    monkeypatch.setitem(ARCHITECTURES, "mean_colour", entry)
    return StyleModel(MeanColourNetwork(), ModelSpec("mean_colour", {}))


@pytest.fixture
def make_fixed():
    return fixed_model


@pytest.fixture
def make_conditional():
    return conditional_model
