"""An AdaIN decoder that begins as a CIN model paints what that model paints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.architectures import ConditionalTransformerNet, ModulatedAdaINConfig, ModulatedAdaINNet
from brushwork.core.architectures.transformer_net import TransformerConfig
from brushwork.core.architectures.vgg import VGGConfig
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.errors import TrainingError
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.methods import make_task
from brushwork.trainers.transplant import Transplant, _ridge

ENCODER = VGGConfig(((6, 6), (8, 8), (16, 12), (10,)), "reflect")
CONFIG = ModulatedAdaINConfig(ENCODER, widths=(6, 8, 6, 4), blocks=(0, 2, 0, 0), hidden=16)
DONOR = TransformerConfig(
    (4, 6, 8), (6, 4), blocks=3, norm="conditional", styles=2, bias=False, output="sigmoid"
)  # fmt: skip


def donor() -> ConditionalTransformerNet:
    net = ConditionalTransformerNet(DONOR)
    for layer in net.style_layers():
        torch.nn.init.normal_(layer.weight, 1, 0.4)
        torch.nn.init.normal_(layer.bias, 0, 0.4)
    return net


def test_the_fit_is_least_squares():
    x, true = torch.randn(200, 5), torch.randn(5, 3)
    y = x @ true + torch.tensor([1.0, -2.0, 0.5])
    solution = _ridge(x, y)
    centred = x - x.mean(0)
    ridge = 0.1 * centred.square().mean() * len(x) * torch.eye(5)
    expected = torch.linalg.inv(centred.T @ centred + ridge) @ centred.T @ (y - y.mean(0))
    assert torch.allclose(solution[:-1], expected, atol=1e-4)
    assert torch.allclose(x.mean(0) @ solution[:-1] + solution[-1], y.mean(0), atol=1e-4)


@torch.no_grad()
def test_with_the_donors_features_and_style_it_paints_the_donors_picture():
    """The stitched features replaced by the donor's own, less one of its three blocks."""
    theirs, net = donor(), ModulatedAdaINNet(CONFIG)
    photo, styles = torch.rand(1, 3, 32, 32), {0: torch.rand(4, 3, 32, 32), 1: torch.rand(4, 3, 32, 32) ** 4}
    Transplant(net, theirs).run(torch.rand(4, 3, 32, 32), styles)
    trunk = net.stages[1]
    weights = torch.tensor([[1.0, 0.0]])
    features = photo
    for layer in theirs.encoder:
        features = torch.relu(layer(features, weights))

    from brushwork.core.architectures._modulation import Modulation

    values = torch.zeros(1, net.modulator.out.out_features)
    channels = values.shape[1] // 2
    norms = [layer.norm for block in theirs.blocks[:2] for layer in block.layers]
    norms += [layer.norm for layer in theirs.decoder]
    before = 6 + 8
    values[0, before:channels] = torch.cat([norm.weight[0] for norm in norms])
    values[0, channels + before :] = torch.cat([norm.bias[0] for norm in norms])
    norm = Modulation(values)
    norm.used = before
    y = features
    for block in trunk.blocks:
        y = block(y, norm)
    for stage in net.stages[2:]:
        y = torch.relu(norm(stage.conv(torch.nn.functional.interpolate(y, scale_factor=2.0))))
    out = torch.sigmoid(net.output(y))

    del theirs.blocks[2]
    from brushwork.core.architectures import StyleCode

    assert torch.allclose(out, theirs(photo, StyleCode(weights)), atol=1e-5)


@torch.no_grad()
def test_statistics_of_a_known_painting_give_its_own_scales():
    theirs, net = donor(), ModulatedAdaINNet(CONFIG)
    known = {0: torch.rand(6, 3, 32, 32), 1: torch.rand(6, 3, 32, 32) ** 4}
    Transplant(net, theirs).run(torch.rand(4, 3, 32, 32), known)
    wanted = torch.cat([layer.norm.weight for block in theirs.blocks[:2] for layer in block.layers], dim=1)
    before = 6 + 8
    found = torch.cat([net.encode_style(pictures)[2].mean(0, keepdim=True) for pictures in known.values()])
    found = found[:, before : before + wanted.shape[1]]
    assert (found - wanted).square().mean() < 0.2 * (wanted - wanted.mean(0)).square().mean()


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(TrainingError, match="cannot begin"):
        Transplant(ModulatedAdaINNet(replace(CONFIG, widths=(6, 9, 6, 4))), donor())


@pytest.mark.parametrize("method", ["adain", "comatch"])
def test_a_run_starts_from_a_cin_model(training_args: TrainArgs, tmp_path: Path, method: str) -> None:
    from brushwork.core.architectures.vgg import VGGFeatures
    from brushwork.core.checkpoints.encoder import save_encoder

    encoder = save_encoder(
        VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7,)), "reflect")),
        tmp_path / "deep.safetensors", title="", license_id="MIT", provenance={},
    )  # fmt: skip
    config = {"encoder_widths": [16, 48, 96], "decoder_widths": [48, 16], "blocks": 5, "norm": "conditional"}
    config |= {"styles": 2, "bias": False, "output": "sigmoid"}
    network = ConditionalTransformerNet(TransformerConfig(**config))
    spec = ModelSpec("conditional_transformer_net", config, styles=(StyleInfo("dots"), StyleInfo("identity")))
    start = save_checkpoint(StyleModel(network, spec), tmp_path / "cin.safetensors", dtype=None)
    args = replace(training_args, method=method, transfer_encoder=encoder, start_from=start)
    task = make_task(args)
    own = task.network.state_dict()["stages.1.blocks.0.conv1.weight"]
    assert torch.equal(own, load_checkpoint(start).network.state_dict()["blocks.0.layers.0.conv.weight"])
    with torch.no_grad():
        assert task.step(task.batches.batch(0), 0).total.isfinite()
