"""The engine on a graphics card that is not here: every operation finds its operands on one device, without waiting."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import StyleCode, build_network
from brushwork.core.inference.engine import Engine, places, rows, supports
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from torch._subclasses.fake_tensor import FakeTensorMode

ENCODER = {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect", "ceil_pool": True, "input_conv": True}
SMALL = {"encoder_widths": [4, 6, 10], "decoder_widths": [6, 4], "blocks": 2}
NETWORKS = {
    "batch": ("transformer_net", {**SMALL, "norm": "batch"}),
    "conditional": ("conditional_transformer_net", {**SMALL, "styles": 3}),
    "msg_net": ("msg_net", {"width": 8, "blocks": 1, "stem": 8, "down": 4, "up": [4, 2]}),
    "adain": ("adain", {"encoder": ENCODER}),
    "modulated": ("adain", {"encoder": ENCODER, "widths": [6, 5, 4], "blocks": [1, 1, 0], "hidden": 7}),
}


@pytest.fixture
def card(monkeypatch):
    """Tensors that know shape, dtype and device, and refuse what a real one would: mixed devices, reading a value."""

    def update_stats(block, mean, variance, momentum):  # torch describes this one operation of CUDA nowhere
        work = block.float()
        return work.mean((0, 2, 3)), work.var((0, 2, 3))

    monkeypatch.setattr(torch, "batch_norm_update_stats", update_stats)
    monkeypatch.setattr(places, "used_styles", lambda masks: list(range(len(masks))))  # reads values, once
    monkeypatch.setattr(rows, "available_bytes", lambda device: 1 << 30)
    with FakeTensorMode(allow_non_fake_inputs=False) as mode:
        yield mode


@pytest.mark.filterwarnings("ignore:Accessing the data pointer")
@pytest.mark.parametrize("by_place", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_everything_is_on_the_card(name, by_place, card):
    architecture, hyperparameters = NETWORKS[name]
    with torch.device("cuda"):
        network = build_network(architecture, hyperparameters)
    styles = tuple(StyleInfo(str(i)) for i in range(hyperparameters.get("styles", 1)))
    model = StyleModel(network, ModelSpec(architecture, hyperparameters, styles=styles))
    assert supports(model)
    if by_place and model.style_kind == "fixed":
        pytest.skip("one style")
    code, masks = None, torch.rand(1, 3, 30, 41, device="cuda")
    if model.style_kind != "fixed":
        pictures = torch.rand(3, 3, 40, 40, device="cuda")
        features = network.encode_style(pictures) if model.style_kind == "image" else ()
        alpha = 0.5 if network.has_alpha else 1.0
        code = StyleCode(masks if by_place else masks[:, :, 0, 0], features, alpha)
    painted = Engine(model, torch.bfloat16).paint(torch.rand(1, 3, 45, 60, device="cuda"), code)
    assert painted.device.type == "cuda"
    assert painted.shape == (1, 3, 45, 60)
