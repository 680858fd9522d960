"""The picture of a run's losses: where its lines are, and what it does with odd logs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from brushwork.trainers.loss_curve import BOTTOM, COLORS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, loss_curve, read_log


def rows_of(image, color: tuple[int, int, int], x: int) -> np.ndarray:
    """Pixel rows of a colour in one column."""
    column = np.asarray(image)[:, x].astype(int)
    return np.flatnonzero((np.abs(column - color).sum(-1) < 60) & (np.arange(HEIGHT) > TOP + 60))


def expected_row(value: float, low: float, high: float) -> float:
    """The place of a value on a logarithmic axis between two powers of ten."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (high - np.log10(value)) / (high - low)


@pytest.mark.parametrize("steps", [30, 3000])
def test_lines_are_where_the_logarithm_puts_them(steps: int) -> None:
    image = loss_curve({"step": i, "style": 0.3, "content": 0.02} for i in range(1, steps + 1))
    assert image.size == (WIDTH, HEIGHT)
    assert image.mode == "RGB"
    middle = (LEFT + WIDTH - RIGHT) // 2 + 3
    assert abs(rows_of(image, COLORS["style"], middle).mean() - expected_row(0.3, -2, 0)) < 1.5
    assert abs(rows_of(image, COLORS["content"], middle).mean() - expected_row(0.02, -2, 0)) < 1.5


def test_a_falling_loss_falls_and_a_repeated_step_counts_once() -> None:
    before = [{"step": i, "style": 0.4} for i in range(1, 101)]
    after = [{"step": i, "style": 0.04 if i > 50 else 0.4} for i in range(1, 101)]
    image = loss_curve(before + after)
    left, right = rows_of(image, COLORS["style"], LEFT + 200), rows_of(image, COLORS["style"], WIDTH - RIGHT - 60)
    assert right.mean() > left.mean() + 150


@pytest.mark.parametrize(
    "records",
    [[], [{"step": 1, "style": 0.5, "content": 0.7}], [{"step": 1, "style": 0.0, "content": float("nan")}]],
    ids=["none", "one", "nothing above 0"],
)
def test_short_runs_give_a_picture(records: list) -> None:
    assert loss_curve(records).size == (WIDTH, HEIGHT)


def test_the_log_of_a_killed_run_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.log.jsonl"
    path.write_text(json.dumps({"step": 1, "style": 0.5}) + '\n{"step": 2, "sty', encoding="utf-8")
    assert read_log(path) == [{"step": 1, "style": 0.5}]
    assert loss_curve(path).size == (WIDTH, HEIGHT)
    assert read_log(tmp_path / "none") == []
