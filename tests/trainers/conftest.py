"""A run on tiny pictures with a tiny loss network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.trainers.args import TrainArgs
from PIL import Image


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A small VGG in the layout of Collaborative Distillation, random weights."""
    widths = {"11": (3, 4), "12": (4, 4), "21": (4, 6)}
    state = {"conv0.weight": torch.eye(3)[..., None, None], "conv0.bias": torch.zeros(3)}
    for name, (a, b) in widths.items():
        state[f"conv{name}.weight"] = torch.randn(b, a, 3, 3) * (2 / (9 * a)) ** 0.5
        state[f"conv{name}.bias"] = torch.zeros(b)
    path = tmp_path / "encoder.pth"
    torch.save({"model": state}, path)
    return path


@pytest.fixture
def training_args(tmp_path: Path, encoder: Path) -> TrainArgs:
    rng = np.random.default_rng(0)
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(0, 255, (90 + i, 70, 3), dtype=np.uint8)).save(photos / f"{i}.png")
    styles = []
    for name in ("stripes", "dots"):
        array = np.zeros((80, 80, 3), np.uint8)
        array[:: 4 if name == "stripes" else 7, :: 1 if name == "stripes" else 5] = (250, 180, 30)
        styles.append(tmp_path / f"{name}.png")
        Image.fromarray(array).save(styles[-1])
    return TrainArgs(
        method="cin", styles=tuple(styles), photos=photos, out=tmp_path / "out.safetensors", encoder=(encoder,),
        steps=6, size_px=64, batch=2,
        style_size_px=64, widths=(4, 6, 8), blocks=1, bf16=False, save_every_s=1e9,
        style_layers=(("relu1_1", 1.0), ("relu2_1", 1.0)), content_layers=("relu2_1",),
    )  # fmt: skip
