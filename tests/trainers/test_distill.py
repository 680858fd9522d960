"""The compact encoder's training on tiny pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints.encoder import load_encoder, save_encoder
from brushwork.trainers.distill import LAYERS, DistillArgs, DistillTask
from brushwork.trainers.loop import run
from PIL import Image

WIDTHS = ((4, 4), (5, 5), (6, 6), (7, 7), (8,))


def test_the_student_comes_nearer_and_is_a_loadable_encoder(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(photos / f"{i}.png")
    teacher = VGGFeatures(VGGConfig(WIDTHS, "reflect"))
    save_encoder(teacher, tmp_path / "teacher.safetensors", title="t", license_id="MIT", provenance={})
    args = DistillArgs(
        out=tmp_path / "compact.safetensors",
        photos=photos,
        paintings=photos,
        teachers=(tmp_path / "teacher.safetensors",),
        widths=WIDTHS,
        steps=60,
        size_px=64,
        batch=4,
        bf16=False,
        learning_rate=3e-3,
    )
    seen: list[float] = []
    run(DistillTask(args), args, callbacks=(lambda p: seen.append(p.losses.content),))
    assert np.mean(seen[-5:]) < 0.7 * np.mean(seen[:5])
    student = load_encoder(args.out)
    features = student(torch.rand(1, 3, 48, 40), LAYERS)
    assert [f.shape[1] for f in features.values()] == [4, 5, 6, 7, 8]
    assert not any(p.requires_grad for p in student.parameters())
