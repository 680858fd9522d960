"""A few steps on tiny pictures: the loss falls, runs resume bit for bit, nothing is lost."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.encoder import save_encoder
from brushwork.core.checkpoints.native import save_checkpoint
from brushwork.core.errors import BrushworkError, ConfigError, TrainingError
from brushwork.core.style_model import StyleModel
from brushwork.trainers.add_style import AddStyleTask
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.data import PhotoBatches, read_rgb
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.interrupt import InterruptBetweenSteps
from brushwork.trainers.loop import crop_side, run, train
from brushwork.trainers.state import state_path
from brushwork.trainers.vanilla import VanillaTask
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def deep_encoder(tmp_path: Path) -> Path:
    """Down to relu4_1, as AdaIN needs it."""
    encoder = VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7,)), "reflect"))
    for name, parameter in encoder.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    return save_encoder(encoder, tmp_path / "deep.safetensors", title="", license_id="MIT", provenance={})


@pytest.fixture
def args(training_args: TrainArgs) -> TrainArgs:
    return training_args


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(path).network.state_dict())


def test_style_loss_falls(args: TrainArgs) -> None:
    losses = []
    train(
        replace(args, method="in", styles=args.styles[:1], steps=60),
        callbacks=(lambda p: losses.append(p.losses.style),),
    )
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_the_file_knows_its_styles(args: TrainArgs) -> None:
    model = load_checkpoint(train(args))
    assert model.spec.style_names == ("stripes", "dots", "identity")
    assert model.spec.styles[0].style_size_px == 64
    assert 0 < len(model.spec.styles[0].thumbnail) <= 4096
    assert model.spec.provenance["steps"] == 6
    assert model.spec.margin_px == 32
    assert model(torch.rand(1, 3, 33, 20), "dots").shape == (1, 3, 33, 20)


class Stop(Exception):
    """Stands for Ctrl-C and for the host's interrupt."""


@pytest.mark.parametrize(
    ("method", "stop_at", "side"), [("cin", 1, 64), ("cin", 4, 64), ("cin", 2, 128), ("comatch", 3, 64)]
)
def test_resumed_is_bit_equal_to_uninterrupted(args: TrainArgs, method: str, stop_at: int, side: int) -> None:
    args = replace(args, method=method, size_px=side)  # from 128 on the first half of the run sees smaller crops
    whole = weights(train(args))
    part = replace(args, out=args.out.with_name("part.safetensors"))

    def interrupt(progress) -> None:
        if progress.step == stop_at:
            raise Stop

    with pytest.raises(Stop):
        train(part, callbacks=(interrupt,))
    assert part.out.exists(), "what was learned is kept"
    resumed = weights(train(part, resume=True))
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_a_killed_run_goes_on_from_its_last_checkpoint(args: TrainArgs, tmp_path: Path) -> None:
    whole = weights(train(args))
    part = replace(args, out=args.out.with_name("part.safetensors"), save_every_s=0.0)
    (tmp_path / "args").write_bytes(pickle.dumps(part))
    program = f"""
import os, pickle, sys
sys.path.insert(0, {str(TESTS)!r})
import conftest
from brushwork.trainers.loop import train
train(pickle.load(open(sys.argv[1], "rb")), callbacks=(lambda p: p.step == 4 and os._exit(9),))
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "args")], check=False)
    assert killed.returncode == 9
    assert load_checkpoint(part.out).spec.provenance["steps"] == 3, "of the step that died nothing was saved"
    resumed = weights(train(part, resume=True))
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_resume_with_other_styles_is_refused(args: TrainArgs) -> None:
    train(args)
    with pytest.raises(BrushworkError, match="cannot be resumed"):
        train(replace(args, method="in", styles=args.styles[:1]), resume=True)


def test_a_hopeless_run_leaves_the_last_good_file(args: TrainArgs) -> None:
    train(args)
    before = args.out.read_bytes()
    with pytest.raises(BrushworkError):
        train(replace(args, learning_rate=1e30, steps=1000))
    assert args.out.read_bytes() == before


def test_a_learning_rate_of_ten_ends_in_a_sane_model(args: TrainArgs) -> None:
    model = load_checkpoint(train(replace(args, learning_rate=10.0, steps=120)))
    assert all(torch.isfinite(tensor).all() for tensor in model.network.state_dict().values())
    assert torch.isfinite(model(torch.rand(1, 3, 32, 32))).all()


def test_a_bad_step_is_undone(args: TrainArgs) -> None:
    class Poisoned(InstanceTask):
        def step(self, batch, step):
            losses = super().step(batch, step)
            return replace(losses, total=losses.total * float("nan")) if step == 3 else losses

    one = replace(args, method="in", styles=args.styles[:1])
    rates = []
    run(Poisoned(one), one, callbacks=(lambda p: rates.append(p.step),))
    assert rates == [1, 2, 3, 4, 5, 6]
    assert all(torch.isfinite(t).all() for t in weights(one.out).values())


def test_a_folder_of_odd_files_trains_and_the_bad_ones_are_named_once(
    args: TrainArgs, caplog: pytest.LogCaptureFixture
) -> None:
    good, noise = args.photos, np.random.default_rng(1)
    whole = io.BytesIO()
    Image.fromarray(noise.integers(0, 255, (200, 150, 3), dtype=np.uint8)).save(whole, "JPEG")
    bad = {
        "zero bytes.jpg": b"",
        "cut.jpg": whole.getvalue()[:900],
        "text.png": b"no picture",
        "Größe.JPG": b"\xff\xd8",
    }
    for name, data in bad.items():
        (good / name).write_bytes(data)
    (good / "folder.jpg").mkdir()
    Image.new("RGB", (1, 1), "red").save(good / "one-px.png")
    Image.new("CMYK", (80, 80), (10, 90, 0, 30)).save(good / "cmyk.jpg")
    Image.new("L", (90, 70), 90).save(good / "grey.jpg")
    Image.new("RGBA", (90, 70), (9, 9, 200, 60)).save(good / "alpha.png")
    Image.new("I;16", (90, 70), 40_000).save(good / "sixteen-bit.png")
    Image.new("L", (10_000, 10_000), 77).save(good / "100 megapixels.jpg")
    Image.new("1", (10_000, 10_000)).save(good / "100 megapixels.png")
    Image.new("1", (20_000, 8_000)).save(good / "160 megapixels.png")
    files = len(list(good.iterdir()))
    one = replace(args, method="in", styles=args.styles[:1], steps=files, batch=2)  # everything is seen twice
    model = load_checkpoint(train(one))
    assert all(torch.isfinite(tensor).all() for tensor in model.network.state_dict().values())
    named = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expected = [*bad, "folder.jpg", "160 megapixels.png"]
    assert sorted(next(name for name in expected if name in line) for line in named) == sorted(expected)


def test_a_large_picture_is_read_at_a_fraction_of_its_size(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 1000 * 700).reshape(700, 1000).astype(np.uint8)
    for suffix in ("png", "jpg"):
        Image.fromarray(ramp).save(tmp_path / f"large.{suffix}")
        picture = read_rgb(tmp_path / f"large.{suffix}", 64)
        assert 64 <= min(picture.shape[-2:]) < 256
        small = torch.nn.functional.interpolate(
            torch.from_numpy(ramp)[None, None].float() / 255, picture.shape[-2:], mode="area"
        )
        torch.testing.assert_close(picture[:, :1], small, atol=0.01, rtol=0)
    assert read_rgb(tmp_path / "large.png").shape == (1, 3, 700, 1000)


def test_one_good_file_among_bad_ones_is_enough(args: TrainArgs) -> None:
    for path in sorted(args.photos.iterdir())[1:]:
        path.write_bytes(b"")
    photos = PhotoBatches(args.photos, 64, 2, 0)
    for step in range(8):
        assert photos.batch(step)[0].shape == (2, 3, 64, 64)


def test_a_short_run_of_vanilla_aims_further_than_it_is_told(args: TrainArgs) -> None:
    one = replace(args, method="vanilla", styles=args.styles[:1], size_px=256, content_target=0.5)
    targets = [VanillaTask(replace(one, steps=None, minutes=minutes)).balance.target for minutes in (10, 11)]
    assert targets == pytest.approx([0.6, 0.5])
    assert InstanceTask(replace(one, method="in", steps=None, minutes=10)).balance.target == pytest.approx(0.5)


def test_crops_grow_in_the_middle_of_a_run(args: TrainArgs) -> None:
    sides = []

    class Watched(InstanceTask):
        def step(self, batch, step):
            sides.append(tuple(batch[0].shape[-2:]))
            return super().step(batch, step)

    one = replace(args, method="in", styles=args.styles[:1], size_px=132, steps=4)
    run(Watched(one), one)
    assert sides == [(64, 64)] * 2 + [(132, 132)] * 2
    assert [crop_side(replace(one, size_px=side), 0.0) for side in (64, 127, 128, 256, 300)] == [64, 127, 64, 128, 148]
    assert crop_side(replace(one, half_size=0.0), 0.0) == 132
    short, long = ({"steps": None, "minutes": minutes, "size_px": 256} for minutes in (10, 11))
    assert [crop_side(replace(one, **length), 0.7) for length in (short, long)] == [128, 256]
    assert crop_side(replace(one, **{**short, "size_px": 192}), 0.7) == 192, "96 px are too few for a whole run"
    with pytest.raises(ConfigError, match="half_size"):
        replace(one, half_size=1.5)


def test_the_same_step_gives_the_same_photos(args: TrainArgs) -> None:
    one, two = PhotoBatches(args.photos, 64, 2, 3), PhotoBatches(args.photos, 64, 2, 3)
    two.batch(0)
    assert torch.equal(one.batch(5)[0], two.batch(5)[0])
    assert not torch.equal(one.batch(5)[0], PhotoBatches(args.photos, 64, 2, 4).batch(5)[0])


def test_one_flat_colour_as_painting_gives_a_model_of_it(args: TrainArgs, tmp_path: Path) -> None:
    Image.new("RGB", (80, 80), (200, 40, 40)).save(tmp_path / "flat.png")
    flat = replace(args, method="in", styles=(tmp_path / "flat.png",), steps=60, learning_rate=1e-2)
    losses: list[float] = []
    model = load_checkpoint(train(flat, callbacks=(lambda p: losses.append(p.losses.style),)))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    red, green, blue = model(torch.rand(1, 3, 64, 64)).mean((0, 2, 3))
    assert red > max(green, blue) + 0.1


def test_an_output_that_cannot_be_written_is_told_before_the_first_step(args: TrainArgs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    steps: list[int] = []
    with pytest.raises(BrushworkError, match="cannot be written"):
        train(replace(args, out=tmp_path / "file" / "x.safetensors"), callbacks=(lambda p: steps.append(p.step),))
    assert steps == []


def test_no_photos_is_explained(args: TrainArgs, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(TrainingError, match="no pictures"):
        train(replace(args, photos=tmp_path / "none"))


@pytest.mark.parametrize("wrong", [{"minutes": 1.0}, {"method": "in"}, {"size_px": 8}, {"ema": 1.0}])
def test_contradicting_options_are_refused(args: TrainArgs, wrong: dict) -> None:
    with pytest.raises(ConfigError):
        replace(args, **wrong)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to oneself")
def test_a_signal_ends_the_run_between_two_steps_and_keeps_it(args: TrainArgs) -> None:
    seen = []

    def kill(progress) -> None:
        seen.append(progress.step)
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with InterruptBetweenSteps() as interrupt, pytest.raises(KeyboardInterrupt):
        train(args, callbacks=(kill, interrupt))
    assert seen == [1, 2]
    assert load_checkpoint(args.out).spec.provenance["steps"] == 2
    assert state_path(args.out).exists()


@pytest.mark.parametrize(
    ("method", "decoder", "term"),
    [("comatch", "modulated", "style"), ("adain", "mirrored", "content"), ("adain", "modulated", "style")],
)
def test_any_style_methods_learn_and_follow_the_picture(
    args: TrainArgs, deep_encoder: Path, method: str, decoder: str, term: str
) -> None:
    losses = []
    any_style = replace(
        args,
        method=method,
        steps=80,
        widths=(4, 8, 16),
        learning_rate=3e-3,
        transfer_encoder=deep_encoder,
        decoder=decoder,
    )
    # the term that is far off at the start; the other is near 0 and rises to where the balance wants it
    train(any_style, callbacks=(lambda p: losses.append(getattr(p.losses, term)),))
    # the median: a style picture may be one of the photos, all noise here, and then the distance is nearly 0
    assert np.median(losses[-15:]) < 0.8 * np.median(losses[:5])
    model = load_checkpoint(args.out)
    photo, a, b = torch.rand(1, 3, 40, 56), torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64) ** 4
    assert model(photo, a).shape == photo.shape
    assert not torch.equal(model(photo, a), model(photo, b))


def test_an_added_style_leaves_every_other_bit_alone(args: TrainArgs) -> None:
    base = train(replace(args, styles=args.styles[:1]))
    first = load_checkpoint(base)
    save_checkpoint(StyleModel(first.network, first.spec.with_(margin_px=16)), base)
    out = args.out.with_name("more.safetensors")
    added = replace(args, styles=args.styles[1:], out=out, steps=30)
    losses = []
    run(AddStyleTask(added, base), added, callbacks=(lambda p: losses.append(p.losses.style),))
    before, after = load_checkpoint(base), load_checkpoint(out)
    assert after.spec.style_names == ("stripes", "identity", "dots")
    assert after.spec.margin_px == 16
    assert after.spec.provenance["added"][0]["style"] == "dots"
    old, new = before.network.state_dict(), after.network.state_dict()
    for name, tensor in old.items():
        assert torch.equal(new[name][: len(tensor)], tensor), name
    photo = torch.rand(1, 3, 40, 40)
    assert torch.equal(before(photo, "stripes"), after(photo, "stripes"))
    assert np.mean(losses[-5:]) < np.mean(losses[:3])


def test_several_styles_are_added_at_once_and_take_turns(args: TrainArgs) -> None:
    base = train(replace(args, steps=2))
    paintings = [path.rename(path.with_stem(f"new-{path.stem}")) for path in args.styles]
    out = args.out.with_name("more.safetensors")
    added = replace(args, styles=tuple(paintings), out=out, steps=10)
    task = AddStyleTask(added, base)
    run(task, added)
    before, after = load_checkpoint(base), load_checkpoint(out)
    assert after.spec.style_names == (*before.spec.style_names, *(path.stem for path in paintings))
    assert [entry["style"] for entry in after.spec.provenance["added"]] == [path.stem for path in paintings]
    old, new = before.network.state_dict(), after.network.state_dict()
    for name, tensor in old.items():
        assert torch.equal(new[name][: len(tensor)], tensor), name
    rows = new["encoder.0.norm.bias"]  # near 0, where half precision is fine
    starts = [before.spec.style_names.index(name) for name in task.nearest]
    for row, start in enumerate(starts, len(before.spec.styles)):
        assert not torch.equal(rows[row], rows[start]), "every one has learned"


def test_a_style_can_be_added_to_conditional_models_only(args: TrainArgs) -> None:
    fixed = train(replace(args, method="in", styles=args.styles[:1], steps=1))
    with pytest.raises(TrainingError, match="cannot take another style"):
        AddStyleTask(replace(args, styles=args.styles[1:]), fixed)
    base = train(args)
    with pytest.raises(TrainingError, match="already has a style"):
        AddStyleTask(replace(args, styles=args.styles[1:]), base)
