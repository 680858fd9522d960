"""Previews: the same picture as a Stylizer gives, small, from files."""

from __future__ import annotations

import gc
import io
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import ImageError, StyleError
from brushwork.core.inference import Stylizer
from brushwork.core.inference.preview import Previewer
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "weights" / "cin-starter.safetensors"
PHOTO = ROOT / "assets" / "samples" / "chelsea.jpg"


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


@pytest.fixture
def painter() -> Iterator[Previewer]:
    painter = Previewer()
    yield painter
    painter.forget()


def test_a_preview_is_the_painting_of_the_small_photo(painter: Previewer) -> None:
    got = decoded(painter.paint((MODEL,), PHOTO, "great-wave", 128))
    photo = Image.open(PHOTO).convert("RGB")
    width, height = (round(side * 128 / max(photo.size)) for side in photo.size)
    assert got.shape == (height, width, 3)
    small = torch.from_numpy(np.array(photo.resize((width, height), Image.Resampling.BICUBIC))).float() / 255
    want = Stylizer(load_checkpoint(MODEL), "cpu", "exact")(small.movedim(-1, 0)[None], "great-wave")
    difference = np.abs(got - want[0].movedim(0, -1).numpy() * 255).mean()
    assert difference < 6, "JPEG and two ways to resize, no more"
    other = decoded(painter.paint((MODEL,), PHOTO, "turner-minotaur", 128))
    assert np.abs(got - other).mean() > 20, "another style is another picture"


def test_small_photos_are_not_enlarged_and_the_first_style_is_the_default(painter: Previewer, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 3), (200, 30, 30, 128)).save(tmp_path / "tiny.png")
    first = painter.paint((MODEL,), tmp_path / "tiny.png")
    assert decoded(first).shape == (3, 5, 3)
    assert painter.paint((MODEL,), tmp_path / "tiny.png", "starry-night--small") == first
    painter.forget()
    assert painter.paint((MODEL,), tmp_path / "tiny.png") == first


def test_the_memory_is_given_back_after_a_while() -> None:
    painter = Previewer(forget_after_s=1.0)
    painter.paint((MODEL,), PHOTO, "great-wave", 32)
    (stylizer,) = map(weakref.ref, painter._models.values())
    deadline = time.monotonic() + 10
    while stylizer() is not None and time.monotonic() < deadline:
        time.sleep(0.05)
        gc.collect()
    assert stylizer() is None


def test_a_replaced_photo_is_read_again(painter: Previewer, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (16, 16), "red").save(path)
    before = painter.paint((MODEL,), path)
    Image.effect_noise((20, 20), 80).save(path)
    assert decoded(painter.paint((MODEL,), path)).shape != decoded(before).shape


def test_an_empty_file_a_missing_one_and_a_wrong_style_are_explained(painter: Previewer, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("empty.png", "missing.png"):
        with pytest.raises(ImageError) as caught:
            painter.paint((MODEL,), tmp_path / name)
        assert caught.value.do
    with pytest.raises(StyleError, match="starry-night"):
        painter.paint((MODEL,), PHOTO, "no-such-style")
