"""Measurements as a picture: one line for every number, one dot for every painting. Drawn with Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .measure import Measurement, mean_of

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 900, 62, 210, 110, 24, 24
FINER = 2
"""Drawn larger and scaled down: Pillow's edges are hard."""
INK, PALE, GRID, PAPER, DOT, MEAN = (
    (50, 50, 50),
    (130, 130, 130),
    (225, 225, 225),
    (255, 255, 255),
    (40, 90, 180),
    (200, 60, 40),
)
ROWS: dict[str, tuple[float, str]] = {
    "style": (1.0, "0 = the style, 1 = the photo"),
    "content": (1.0, "0 = the photo, 1 = nothing of it"),
    "ssim": (1.0, "1 = the photo's structure"),
    "distance": (1.0, "0 = the photo's features"),
    "seam": (2.0, "of tiles, at most 1"),
    "border": (2.0, "1 = painted like the rest"),
    "checkerboard": (12.0, "dB, 0 = none"),
}
"""Number → least end of its axis, and what its values mean."""


def measurement_plot(measurements: Sequence[Measurement]) -> Image.Image:
    """Draw where the paintings lie on the axis of every number, with the mean as a line.

    Args:
        measurements: At least one.

    Returns:
        RGB, 900 px wide.
    """
    from PIL import Image, ImageDraw

    height = TOP + ROW * len(ROWS) + BOTTOM
    image = Image.new("RGB", (WIDTH * FINER, height * FINER), PAPER)
    draw = ImageDraw.Draw(image)
    mean = mean_of(measurements)
    for index, (name, (end, meaning)) in enumerate(ROWS.items()):
        values = [getattr(one, name) for one in measurements]
        finite = [value for value in values if not math.isnan(value)]
        axis_end = _round_up(max([end, *finite]))
        y = (TOP + ROW * index + ROW // 2) * FINER
        _axis(draw, y, name, meaning, axis_end)
        for value in finite:
            x, r = _place(value, axis_end), 5 * FINER
            draw.ellipse((x - r, y - r, x + r, y + r), fill=DOT, outline=PAPER, width=FINER)
        average = getattr(mean, name)
        if not math.isnan(average):
            x = _place(average, axis_end)
            draw.line([(x, y - 14 * FINER), (x, y + 14 * FINER)], fill=MEAN, width=2 * FINER)
        _text(draw, (WIDTH - 16, y / FINER), f"{average:.3f}" if not math.isnan(average) else "–", MEAN, 18, "rm")
    return image.resize((WIDTH, height), Image.Resampling.BOX)


def _axis(draw: ImageDraw.ImageDraw, y: float, name: str, meaning: str, end: float) -> None:
    _text(draw, (16, y / FINER - 9), name, INK, 18, "lm")
    _text(draw, (16, y / FINER + 11), meaning, PALE, 12, "lm")
    draw.line([(LEFT * FINER, y), ((WIDTH - RIGHT) * FINER, y)], fill=GRID, width=2 * FINER)
    for part in range(5):
        value = end * part / 4
        x = _place(value, end)
        draw.line([(x, y - 5 * FINER), (x, y + 5 * FINER)], fill=GRID, width=FINER)
        _text(draw, (x / FINER, y / FINER + 20), f"{value:g}", PALE, 11, "mm")


def _place(value: float, end: float) -> float:
    return (LEFT + (WIDTH - LEFT - RIGHT) * min(max(value / end, 0.0), 1.0)) * FINER


def _text(
    draw: ImageDraw.ImageDraw, where: tuple[float, float], text: str, color: tuple[int, ...], size: int, anchor: str
) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(size * FINER)
    draw.text((where[0] * FINER, where[1] * FINER), text, fill=color, font=font, anchor=anchor)


def _round_up(value: float) -> float:
    """1, 2, 4, 8 or 12 times a power of ten that is not below `value`."""
    power = 10 ** math.floor(math.log10(value))
    return next(power * digit for digit in (1, 1.2, 2, 4, 8, 12) if power * digit >= value * (1 - 1e-9))
