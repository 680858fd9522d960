"""What a program with a screen needs around a run. The nodes' tests run it all together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.trainers.args import RunArgs
from brushwork.trainers.loop import Progress
from brushwork.trainers.session import (
    duration,
    readable_pictures,
    seconds_left,
    status_line,
    write_pictures,
)
from brushwork.trainers.task import StepLosses
from PIL import Image


def progress(step: int, seconds: float) -> Progress:
    return Progress(step, 0.5, seconds, StepLosses(torch.zeros(()), 0.4, 0.7), dict)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_left_by_the_clock_and_by_the_pace(tmp_path: Path) -> None:
    by_time = RunArgs(out=tmp_path / "x", photos=tmp_path, minutes=2.0)
    by_steps = RunArgs(out=tmp_path / "x", photos=tmp_path, steps=30)
    assert seconds_left(progress(10, 50.0), by_time) == 70
    assert seconds_left(progress(10, 130.0), by_time) == 0
    assert seconds_left(progress(10, 50.0), by_steps) == 100
    assert status_line(progress(10, 50.0), by_time) == "step 10 · style 0.400 · content 0.700 · 1 min 10 s left"


def test_pictures_are_written_to_the_last_bit_and_may_be_interrupted(tmp_path: Path) -> None:
    bytes_ = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 7), dtype=np.uint8)
    pictures = torch.from_numpy(bytes_) / 255
    paths = write_pictures(pictures, tmp_path / "new", ["b", "a"])
    assert [path.name for path in paths] == ["b.png", "a.png"]
    for path, expected in zip(paths, bytes_, strict=True):
        assert np.array_equal(np.array(Image.open(path)), expected.transpose(1, 2, 0))

    def cancel() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pictures(pictures, tmp_path / "none", ["b", "a"], cancel)
    assert not list((tmp_path / "none").iterdir())


def test_the_first_readable_pictures_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    for name in ("b", "c", "d"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
    assert [path.name for path in readable_pictures(tmp_path, 2)] == ["b.png", "c.png"]
    assert readable_pictures(tmp_path / "nowhere", 2) == []
