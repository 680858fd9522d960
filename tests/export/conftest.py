"""Small random models of every architecture, whose paintings use the whole range."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.architectures._layers import ConditionalInstanceNorm
from brushwork.core.architectures._modulation import Modulator
from brushwork.core.architectures.comatch import CoMatch
from brushwork.core.normalization import PRESETS
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

NARROW = {"encoder_widths": (4, 4, 8), "decoder_widths": (4, 4), "blocks": 1}
VGG = {"widths": [[8, 8], [8, 8], [8, 8], [8]], "padding": "reflect"}
MODELS: dict[str, tuple[str, dict, str]] = {
    "instance": ("transformer_net", NARROW, "raw255"),
    "batch": ("transformer_net", {**NARROW, "norm": "batch"}, "imagenet"),
    "lengstrom": (
        "transformer_net",
        {**NARROW, "padding": "same", "output_norm": True, "upsampling": "transposed", "eps": 1e-3}
        | {"output": "tanh", "output_scale": 150.0, "output_offset": 127.5},
        "raw255",
    ),
    "zero": ("transformer_net", {**NARROW, "padding": "zero", "upsampling": "transposed"}, "caffe"),
    "jcjohnson": (
        "transformer_net",
        {**NARROW, "start_padding": 40, "block_padding": "none", "down_padding": "zero"},
        "bgr255",
    ),
    "bottleneck": (
        "transformer_net",
        {**NARROW, "bottleneck": 4, "upsampling": "bilinear", "padding": "replicate"},
        "imagenet",
    ),
    "conditional": ("conditional_transformer_net", {**NARROW, "styles": 3, "bias": False, "output": "sigmoid"}, "unit"),
    "msg_net": ("msg_net", {"width": 8, "blocks": 1, "stem": 8, "down": 4, "up": (4, 4), "expansion": 2}, "raw255"),
    "adain": ("adain", {"encoder": {**VGG, "ceil_pool": True, "input_conv": True}}, "unit"),
    "adain_floor": ("adain", {"encoder": {**VGG, "normalization": PRESETS["imagenet"].to_dict()}}, "unit"),
    "modulated": ("adain", {"encoder": VGG, "widths": (8, 6, 4, 4), "blocks": (1, 2, 0, 0), "hidden": 6}, "unit"),
    "comatch": ("comatch", {"encoder": VGG, "widths": (8, 6, 4, 4), "blocks": (1, 2, 0, 0), "hidden": 6}, "unit"),
    "microast": ("microast", {"widths": (4, 8, 8)}, "unit"),
}


def random_model(kind: str) -> StyleModel:
    architecture, hyperparameters, preset = MODELS[kind]
    network = build_network(architecture, hyperparameters)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1)
        elif name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.kaiming_normal_(module.weight)  # torch's own start lets the signal of deep nets fade
        if isinstance(module, Modulator):  # fresh ones predict the same for every picture
            torch.nn.init.normal_(module.out.weight, 0, 0.2)
        if isinstance(module, CoMatch) and module.whitening is not None:
            torch.nn.init.normal_(module.whitening)
        if isinstance(module, ConditionalInstanceNorm):  # fresh ones hold the same γ and β for every style
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    styles = tuple(StyleInfo(name) for name in ("waves", "dots", "identity")[: hyperparameters.get("styles", 0)])
    model = StyleModel(network, ModelSpec(architecture, hyperparameters, PRESETS[preset], styles, license="MIT"))
    spread(model)
    return model


def spread(model: StyleModel) -> None:
    """Scale and shift the last layer: pictures that are clamped everywhere would pass any comparison."""
    network, norm = model.network, model.spec.normalization
    if model.spec.hyperparameters.get("output", "linear") != "linear":
        return
    last = network.output if hasattr(network, "output") else network.decoder
    last = getattr(last, "output", None) or getattr(last, "conv1_1", last)
    inside = norm.encode(torch.rand(1, 3, 64, 64))
    style = model.encode(torch.rand(1, 3, 40, 40) if model.style_kind == "image" else None)
    with torch.no_grad():
        out = network(inside, style)
        scale = inside.std() / out.std(dim=(0, 2, 3))
        last.weight.mul_(scale[:, None, None, None])
        last.bias.copy_(last.bias * scale + inside.mean((0, 2, 3)) - scale * out.mean((0, 2, 3)))


@pytest.fixture(params=MODELS)
def any_model(request) -> StyleModel:
    return random_model(request.param)


@pytest.fixture
def make():
    return random_model
