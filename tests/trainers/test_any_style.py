"""What AdaIN and CoMatch learn from: styles at several scales, and photos that are their own style."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.architectures import ModulatedAdaINNet
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.encoder import save_encoder
from brushwork.core.errors import TrainingError
from brushwork.core.pictures import samples
from brushwork.trainers import any_style
from brushwork.trainers.adain import AdaINTask
from brushwork.trainers.any_style import StyledBatches
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.comatch import CoMatchTask
from brushwork.trainers.methods import make_task
from brushwork.trainers.thumbnail import quarters
from PIL import Image


@pytest.fixture
def args(training_args: TrainArgs) -> TrainArgs:
    return replace(training_args, method="comatch", batch=16, widths=(4, 8, 16))


def test_a_photo_that_is_its_own_style_is_marked(args: TrainArgs) -> None:
    batches = StyledBatches(args)
    marked = []
    for step in range(8):
        photos, styles, own = batches.batch(step)
        assert own.dtype == torch.bool
        for photo, style, same in zip(photos, styles, own, strict=True):
            assert torch.equal(photo, style) == bool(same)
        marked += own.tolist()
    assert 0 < sum(marked) < 0.25 * len(marked)


def test_a_part_of_a_batch_is_that_part_of_the_whole(args: TrainArgs) -> None:
    batches = StyledBatches(args)
    for whole, part in zip(batches.batch(3), batches.batch(3, range(4, 8)), strict=True):
        assert torch.equal(whole[4:8], part)


def test_styles_are_cut_from_larger_and_smaller_versions(args: TrainArgs, tmp_path: Path) -> None:
    """A ramp from left to right: how much of it a crop shows tells the scale it was cut from."""
    ramp = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize((400, 400)).convert("RGB")
    ramp.save(tmp_path / "ramp.png")
    batches = StyledBatches(replace(args, styles=(tmp_path / "ramp.png",)))
    crops = torch.cat([batches.styles.batch(step)[0] for step in range(6)])
    shares = (crops.amax((1, 2, 3)) - crops.amin((1, 2, 3))).sort().values
    assert shares[-1] > 0.9, "some crops show the whole painting"
    assert shares[0] < 1.15 / any_style.STYLE_ZOOM, "and some a detail"


def test_own_styles_are_compared_with_the_photo_alone(args: TrainArgs, monkeypatch: pytest.MonkeyPatch) -> None:
    task = CoMatchTask(args)
    photos, styles, _ = task.batches.batch(0)
    monkeypatch.setattr(task, "stylize", lambda photos, styles: photos)
    everything = task.step((photos, styles, torch.ones(len(photos), dtype=torch.bool)), 0)
    assert float(everything.total) == pytest.approx(0, abs=1e-5)
    assert (everything.style, everything.content) == (0, 0)
    nothing = task.step((photos, styles, torch.zeros(len(photos), dtype=torch.bool)), 0)
    assert nothing.style > 0
    assert "own" not in nothing.more


def test_comatch_begins_by_changing_nothing_on_average(args: TrainArgs) -> None:
    task = CoMatchTask(args)
    net = task.network
    assert isinstance(net, ModulatedAdaINNet)
    assert net.comatch is not None
    grams = torch.cat([net.encode_style(task.batches.batch(step)[1])[0] for step in range(16)])
    matrices = net.comatch.matrix(grams)
    # along directions that hardly occur the ridge damps
    energy = grams.mean(0)
    kept = (energy @ matrices.mean(0).T).trace() / energy.trace()
    assert 0.9 < kept < 1.001


def test_comatch_takes_over_everything_of_adain_but_its_own_layer(args: TrainArgs, tmp_path: Path) -> None:
    earlier = AdaINTask(replace(args, method="adain", seed=5))
    start = tmp_path / "adain.safetensors"
    earlier.export(earlier.network.state_dict(), {}, start)
    fresh = CoMatchTask(args).network.state_dict()
    task = make_task(replace(args, start_from=start))
    own, given = task.network.state_dict(), load_checkpoint(start).network.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in given.items())
    added = own.keys() - given.keys()
    assert added == {"comatch.weight", "comatch.whitening"}
    assert all(torch.allclose(own[name], fresh[name], rtol=0.02, atol=0.02) for name in added), "the same encoder"
    back = AdaINTask(replace(args, method="adain"))
    task.export(task.network.state_dict(), {}, start)
    back.start_from(start)
    assert torch.equal(back.network.state_dict()["stages.0.conv.weight"], given["stages.0.conv.weight"])


@pytest.mark.parametrize("method", ["adain", "comatch"])
def test_going_on_keeps_the_encoder_that_the_decoder_knows(args: TrainArgs, tmp_path: Path, method: str) -> None:
    start, other = tmp_path / "adain.safetensors", tmp_path / "other.safetensors"
    earlier = AdaINTask(replace(args, method="adain"))
    earlier.export(earlier.network.state_dict(), {}, start)
    torch.manual_seed(11)
    wider = VGGFeatures(VGGConfig(((8, 8), (12, 12), (12,)), "reflect"))
    save_encoder(wider, other, title="t", license_id="MIT", provenance={})
    going_on = replace(args, method=method, encoder=(other,), start_from=start)
    kept = make_task(going_on).network.state_dict()
    given = load_checkpoint(start).network.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in given.items())
    assert any(name.startswith("encoder.") for name in given)
    with pytest.raises(TrainingError, match="another one"):
        make_task(replace(going_on, transfer_encoder=other))


def test_the_encoder_is_cut_and_frozen(args: TrainArgs) -> None:
    for task in (CoMatchTask(args), AdaINTask(replace(args, method="adain"))):
        assert [name for name, _ in task.network.named_parameters() if name.startswith("encoder.conv2")] == [
            "encoder.conv2_1.weight",
            "encoder.conv2_1.bias",
        ]
        trained = {name for name, parameter in task.network.named_parameters() if parameter.requires_grad}
        assert not any(name.startswith("encoder.") for name in trained)
        assert "stages.0.conv.weight" in trained


def test_one_photo_is_painted_in_four_quarters() -> None:
    greys = torch.tensor([0.1, 0.4, 0.6, 0.9])
    seen = quarters(lambda photo, style: style.mean().expand_as(photo), greys[:, None, None, None].expand(4, 3, 8, 8))
    sides = (slice(128), slice(128, 256))
    quarter = [seen[..., rows, columns] for rows in sides for columns in sides]
    assert [float(part.mean()) for part in quarter] == pytest.approx(greys.tolist(), rel=1e-4)
    assert all(float(part.max() - part.min()) < 1e-6 for part in quarter)


def test_the_file_shows_what_the_model_paints(args: TrainArgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = AdaINTask(replace(args, method="adain"))
    task.export(task.network.state_dict(), {}, tmp_path / "any.safetensors")
    shown = load_checkpoint(tmp_path / "any.safetensors").spec.thumbnail
    assert 0 < len(shown) <= 4096
    with Image.open(io.BytesIO(base64.b64decode(shown))) as picture:
        assert picture.size == (96, 96)
    monkeypatch.setattr(samples, "FOLDER", tmp_path / "nowhere")
    task.export(task.network.state_dict(), {}, tmp_path / "any.safetensors")
    assert not load_checkpoint(tmp_path / "any.safetensors").spec.thumbnail, "no picture, but no lost model either"
