"""Runs that start from an earlier model: the same network, or its sibling with another normalization."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.errors import TrainingError
from brushwork.core.normalization import InputNormalization
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.methods import make_task
from PIL import Image

SHAPE = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1, "bias": False, "output": "sigmoid"}
ENCODER = Path(__file__).resolve().parents[2] / "weights" / "compact-encoder.safetensors"


@pytest.fixture
def args(tmp_path: Path) -> TrainArgs:
    for name in ("red", "blue"):
        Image.effect_noise((70, 70), 60).convert("RGB").save(tmp_path / f"{name}.png")
    return TrainArgs(
        method="in", styles=(tmp_path / "red.png",), photos=tmp_path, out=tmp_path / "out.safetensors",
        encoder=(ENCODER,), steps=0, size_px=64, style_size_px=64, widths=(4, 6, 8), blocks=1, bf16=False,
    )  # fmt: skip


def saved(path: Path, names: tuple[str, ...] = (), **options: object) -> StyleModel:
    """A model with random weights, γ and β too, as a file."""
    if names:
        options |= {"norm": "conditional", "styles": len(names)}
    architecture = "conditional_transformer_net" if names else "transformer_net"
    normalization = options.pop("normalization", InputNormalization())
    network = build_network(architecture, SHAPE | options)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    styles = tuple(StyleInfo(name) for name in names)
    spec = ModelSpec(architecture, SHAPE | options, styles=styles, normalization=normalization)  # type: ignore[arg-type]
    model = StyleModel(network, spec)
    save_checkpoint(model, path, dtype=None)
    return model


def start(args: TrainArgs, path: Path, **changes: object) -> dict[str, torch.Tensor]:
    return make_task(replace(args, start_from=path, **changes)).network.state_dict()


def test_the_same_network_is_taken_over(args: TrainArgs, tmp_path: Path) -> None:
    wanted = saved(tmp_path / "a.safetensors", norm="instance").network.state_dict()
    got = start(args, tmp_path / "a.safetensors")
    assert all(torch.equal(got[k], wanted[k]) for k in wanted)


def test_one_style_starts_from_its_namesake_or_from_the_mean_of_the_paintings(args: TrainArgs, tmp_path: Path) -> None:
    source = saved(tmp_path / "a.safetensors", ("other", "blue", "identity")).network.state_dict()
    gamma = source["encoder.0.norm.weight"]
    got = start(args, tmp_path / "a.safetensors")
    assert torch.equal(got["encoder.0.conv.weight"], source["encoder.0.conv.weight"])
    torch.testing.assert_close(got["encoder.0.norm.weight"], gamma[:2].mean(0))
    both = start(args, tmp_path / "a.safetensors", method="cin", styles=(*args.styles, tmp_path / "blue.png"))
    torch.testing.assert_close(both["encoder.0.norm.weight"], torch.stack([gamma[:2].mean(0), gamma[1], gamma[2]]))


def test_many_styles_start_from_one(args: TrainArgs, tmp_path: Path) -> None:
    source = saved(tmp_path / "a.safetensors", norm="instance").network.state_dict()
    got = start(args, tmp_path / "a.safetensors", method="cin", styles=(*args.styles, tmp_path / "blue.png"))
    torch.testing.assert_close(got["blocks.0.layers.1.norm.bias"], source["blocks.0.layers.1.norm.bias"].expand(3, -1))


@pytest.mark.parametrize(
    "options",
    [
        {"encoder_widths": [4, 6, 10]},
        {"blocks": 2},
        {"output": "linear"},
        {"upsampling": "bilinear"},
        {"bias": True},
        {"normalization": InputNormalization(scale=255.0)},
    ],
)
def test_another_network_is_refused(args: TrainArgs, tmp_path: Path, options: dict) -> None:
    saved(tmp_path / "a.safetensors", norm="instance", **options)
    with pytest.raises(TrainingError, match=r"cannot start from a\.safetensors"):
        start(args, tmp_path / "a.safetensors")


def test_the_file_says_what_it_started_from(args: TrainArgs, tmp_path: Path) -> None:
    from brushwork.trainers.loop import train

    saved(tmp_path / "a.safetensors", norm="instance")
    out = train(replace(args, start_from=tmp_path / "a.safetensors", steps=1))
    assert load_checkpoint(out).spec.provenance["start_from"] == "a.safetensors"
