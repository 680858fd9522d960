"""Runs that start from an earlier model: the same network, a narrower one, or a sibling with another normalization."""

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
from brushwork.trainers.warm_start import rows_by_name, take_over
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


def test_every_style_starts_from_its_namesake_or_from_the_nearest(args: TrainArgs, tmp_path: Path) -> None:
    model = saved(tmp_path / "a.safetensors", ("other", "blue", "identity"))
    gamma = model.network.state_dict()["encoder.0.norm.weight"]
    both = replace(
        args, method="cin", styles=(*args.styles, tmp_path / "blue.png"), start_from=tmp_path / "a.safetensors"
    )
    task = make_task(both)
    photos = task.batches.sample(4)
    losses = []
    for name in ("other", "blue"):  # never the identity
        index = torch.zeros(4, dtype=torch.long)
        terms = task.loss(model(photos, name), task.loss.content_targets(photos), task.targets(), index)
        losses.append(float(terms.style.mean()))
    nearest = losses.index(min(losses))
    got = task.network.state_dict()
    assert torch.equal(got["encoder.0.norm.weight"], torch.stack([gamma[nearest], gamma[1], gamma[2]]))
    one = start(args, tmp_path / "a.safetensors", styles=(tmp_path / "blue.png",))
    assert torch.equal(one["encoder.0.norm.weight"], gamma[1])


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


WIDE = {**SHAPE, "encoder_widths": [6, 9, 12], "decoder_widths": [9, 6]}


def test_a_wider_network_paints_what_the_narrow_one_paints(tmp_path: Path) -> None:
    model = saved(tmp_path / "a.safetensors", ("a", "b"))
    network = build_network("transformer_net", {**WIDE, "norm": "instance"})
    take_over(network, model, [1], "a")
    photo = torch.rand(2, 3, 32, 40)
    out = StyleModel(network, ModelSpec("transformer_net", WIDE))(photo)
    assert torch.allclose(out, model(photo, "b"), atol=1e-4)
    assert not torch.allclose(out, model(photo, "a"), atol=1e-2)
    new = network.state_dict()["encoder.1.conv.weight"][6:]
    assert (new.flatten(1).std(1) > 0).all(), "new channels start at random, or they would never learn"


def test_rows_of_a_wider_conditional_network_are_copied(tmp_path: Path) -> None:
    model = saved(tmp_path / "a.safetensors", ("a", "b", "identity"))
    network = build_network("conditional_transformer_net", {**WIDE, "styles": 4})
    take_over(network, model, [1, 1, 0, 2], "a")
    spec = ModelSpec("conditional_transformer_net", WIDE, styles=tuple(StyleInfo(n) for n in "wxyz"))
    wide, photo = StyleModel(network, spec), torch.rand(1, 3, 32, 32)
    for name, source in zip("wxyz", ("b", "b", "a", "identity"), strict=True):
        assert torch.allclose(wide(photo, name), model(photo, source), atol=1e-4)


def test_styles_start_from_their_own_name_then_their_painting_then_the_nearest() -> None:
    names = ["scream", "wave--large", "identity"]
    wanted = ["wave--small", "wave--large", "night", "scream--small", "identity"]
    assert rows_by_name(wanted, names, lambda place: place * 100) == [1, 1, 200, 0, 2]


def test_the_balance_goes_on_where_it_was(args: TrainArgs, tmp_path: Path) -> None:
    model = saved(tmp_path / "a.safetensors", ("red", "identity"))
    learned = StyleInfo("red", training={"style_weight": 55.0})
    described = StyleModel(model.network, model.spec.with_(styles=(learned, StyleInfo("identity"))))
    save_checkpoint(described, tmp_path / "b.safetensors", dtype=None)
    task = make_task(replace(args, start_from=tmp_path / "b.safetensors"))
    assert task.balance.log_weight.exp().tolist() == pytest.approx([55.0])
