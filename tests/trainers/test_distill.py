"""The compact encoder's training on tiny pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints.encoder import load_encoder, save_encoder
from brushwork.core.errors import ConfigError, TrainingError
from brushwork.core.normalization import PRESETS
from brushwork.trainers.distill import LAYERS, DistillArgs, DistillTask, MixedBatches
from brushwork.trainers.loop import run
from PIL import Image

WIDTHS = ((4, 4), (5, 5), (6, 6), (7, 7), (8,))


@pytest.fixture
def args(tmp_path: Path) -> DistillArgs:
    rng = np.random.default_rng(1)
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    torch.manual_seed(3)
    teacher = VGGFeatures(VGGConfig(WIDTHS, "reflect", normalization=PRESETS["imagenet"]))
    save_encoder(teacher, tmp_path / "teacher.safetensors", title="t", license_id="MIT", provenance={})
    photos, teachers = tmp_path / "photos", (tmp_path / "teacher.safetensors",)
    return DistillArgs(
        out=tmp_path / "out.safetensors", photos=photos, teachers=teachers, widths=WIDTHS, steps=1, size_px=64, batch=4
    )


def test_the_student_comes_nearer_and_is_a_loadable_encoder(args: DistillArgs) -> None:
    args = replace(args, paintings=(args.photos,), steps=60, learning_rate=3e-3)
    seen: list[float] = []
    run(DistillTask(args), args, callbacks=(lambda p: seen.append(p.losses.content),))
    assert np.mean(seen[-5:]) < 0.7 * np.mean(seen[:5])
    student = load_encoder(args.out)
    features = student(torch.rand(1, 3, 48, 40), LAYERS)
    assert [f.shape[1] for f in features.values()] == [4, 5, 6, 7, 8]
    assert not any(p.requires_grad for p in student.parameters())


def test_it_goes_on_from_a_narrower_encoder_that_keeps_what_it_saw(args: DistillArgs) -> None:
    """The teacher itself as the start: its channels are there unchanged, so the fitted heads leave hardly an error."""
    wider = ((4, 4), (5, 9), (8, 6), (7, 7), (8,))
    going_on = replace(args, widths=wider, start_from=args.teachers[0])
    task = DistillTask(going_on)
    picture = torch.rand(2, 3, 64, 64)
    own, given = task.network.encoder(picture, LAYERS), load_encoder(args.teachers[0])(picture, LAYERS)
    for name in LAYERS:
        assert torch.allclose(own[name][:, : given[name].shape[1]], given[name], atol=1e-5), name
    batch = task.batches.batch(7)
    assert task.step(batch, 7).content < 0.02 < DistillTask(args).step(batch, 7).content
    with pytest.raises(TrainingError, match="cannot go on"):
        DistillTask(replace(args, widths=((3, 4), *WIDTHS[1:]), start_from=args.teachers[0]))


def test_every_folder_gives_its_part_of_a_batch(args: DistillArgs, tmp_path: Path) -> None:
    for name, level in (("black", 0), ("white", 255)):
        (tmp_path / name).mkdir()
        Image.new("L", (80, 80), level).save(tmp_path / name / "a.png")
    folders = (tmp_path / "black", tmp_path / "white")
    batch = MixedBatches(replace(args, batch=8, paintings=folders)).sources
    assert [len(source.batch(0)[0]) for source in batch] == [4, 2, 2]
    assert [float(source.batch(0)[0].mean()) for source in batch[1:]] == [0, 1]
    with pytest.raises(ConfigError, match="batch"):
        replace(args, batch=2, paintings=folders)
