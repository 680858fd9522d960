"""The losses of a run as one picture, drawn with Pillow: inside ComfyUI there is nothing else to draw with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH, HEIGHT = 900, 500
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 24, 64
"""Margins in pixels, for the labels."""
FINER = 2
"""Drawn larger and scaled down: Pillow's lines have hard edges."""
POINTS = 400
"""At most, along the axis of steps: longer runs are averaged in groups, shorter ones are drawn step by step."""
SMOOTHED_OVER = 0.03
"""Share of the run under the running mean of the strong line."""
FEW_DECADES = 3
"""Up to so many there is room for more marks than the powers of ten."""
INK, GRID, PAPER = (60, 60, 60), (225, 225, 225), (255, 255, 255)
COLORS = {"style": (200, 60, 40), "content": (40, 90, 180)}
MORE_COLORS = ((60, 140, 70), (150, 90, 170), (190, 140, 30))
AXES = ("step", "seconds")

Records = Iterable[Mapping[str, Any]]


def loss_curve(source: str | Path | Records) -> Image.Image:
    """Draw style, content and what else a run logged over its steps; the axis of losses is logarithmic.

    Args:
        source: The .log.jsonl of a run, or its records. Where a step comes twice, since a run was resumed from
            an earlier state, the later one counts. Losses that are not above 0 are left out.

    Returns:
        RGB, 900 × 500 px. Without any loss to show: empty axes.
    """
    from PIL import Image, ImageDraw

    series = _series(read_log(source) if isinstance(source, str | Path) else source)
    image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), PAPER)
    draw = ImageDraw.Draw(image)
    values = [value for points in series.values() for _, value in points]
    last = max((step for points in series.values() for step, _ in points), default=1)
    low, high = _whole_decades(values)

    def place(step: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(value)) / (high - low)
        return x * FINER, y * FINER

    _axes(draw, place, last, low, high)
    colors = iter(MORE_COLORS)
    chosen = {name: COLORS.get(name) or next(colors, INK) for name in series}
    for name, points in series.items():
        pale = tuple((2 * 255 + part) // 3 for part in chosen[name])
        _line(draw, [place(*point) for point in _grouped(points)], pale, 1)
    for name, points in series.items():
        _line(draw, [place(*point) for point in _grouped(_smoothed(points))], chosen[name], 3)
    _legend(draw, {name: (chosen[name], _smoothed(points)[-1][1]) for name, points in series.items()})
    return image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The records of a .log.jsonl; a last line that a killed process left unfinished is passed over."""
    records = []
    path = Path(path)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _series(records: Records) -> dict[str, list[tuple[int, float]]]:
    """Name of a loss → (step, value) in order of steps."""
    by_step = {int(record["step"]): record for record in records}
    series: dict[str, list[tuple[int, float]]] = {}
    for step in sorted(by_step):
        for name, value in by_step[step].items():
            if name not in AXES and isinstance(value, int | float) and math.isfinite(value) and value > 0:
                series.setdefault(name, []).append((step, float(value)))
    return series


def _whole_decades(values: list[float]) -> tuple[float, float]:
    """Powers of ten around the values, at least one decade; single outliers do not squeeze the rest together."""
    ordered = sorted(values) or [0.1, 1.0]
    low = math.floor(math.log10(ordered[len(ordered) // 200]))
    high = math.ceil(math.log10(ordered[-1]))
    return low, max(high, low + 1)


def _smoothed(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Running mean over the last steps, in O(n)."""
    window = max(1, round(len(points) * SMOOTHED_OVER))
    total, result = 0.0, []
    for place, (step, value) in enumerate(points):
        total += value - (points[place - window][1] if place >= window else 0.0)
        result.append((step, max(total / min(window, place + 1), 1e-12)))
    return result


def _grouped(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` points: means of neighbours."""
    size = math.ceil(len(points) / POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [tuple(sum(part) / len(group) for part in zip(*group, strict=True)) for group in groups]  # type: ignore[misc]


def _line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], color: tuple[int, ...], width: int) -> None:
    bottom = (HEIGHT - BOTTOM) * FINER
    inside = [(x, min(y, bottom)) for x, y in points]
    if len(inside) == 1:
        (x, y), r = inside[0], 3 * FINER
        draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
    draw.line(inside, fill=color, width=width * FINER, joint="curve")


def _axes(draw: ImageDraw.ImageDraw, place: Any, last: int, low: float, high: float) -> None:
    """Grid, numbers, names."""
    from PIL import ImageFont

    font = ImageFont.load_default(15 * FINER)
    gap = 8 * FINER
    digits = (1, 2, 5) if high - low <= FEW_DECADES else (1,)
    for decade in range(int(low), int(high) + 1):
        for digit in digits:
            value = digit * 10.0**decade
            if math.log10(value) > high + 1e-9:
                break
            y = place(0, value)[1]
            draw.line([(LEFT * FINER, y), ((WIDTH - RIGHT) * FINER, y)], fill=GRID, width=FINER)
            draw.text((LEFT * FINER - gap, y), f"{value:g}", fill=INK, font=font, anchor="rm")
    pace = _round_pace(last)
    for step in range(0, last + 1, pace):
        x, y = place(step, 10.0**low)
        draw.line([(x, TOP * FINER), (x, y)], fill=GRID, width=FINER)
        draw.text((x, y + gap), f"{step}", fill=INK, font=font, anchor="ma")
    draw.rectangle([place(0, 10.0**high), place(last, 10.0**low)], outline=INK, width=FINER)
    draw.text(((LEFT + WIDTH - RIGHT) / 2 * FINER, (HEIGHT - 10) * FINER), "step", fill=INK, font=font, anchor="ms")


def _round_pace(last: int) -> int:
    """1, 2 or 5 times a power of ten that gives at most ten marks."""
    pace = 10 ** max(0, math.floor(math.log10(last / 10))) if last > 10 else 1
    return next(pace * digit for digit in (1, 2, 5, 10) if last / (pace * digit) <= 10)


def _legend(draw: ImageDraw.ImageDraw, series: Mapping[str, tuple[tuple[int, ...], float]]) -> None:
    """Name and last value of every line, at the top right."""
    from PIL import ImageFont

    font = ImageFont.load_default(16 * FINER)
    for row, (name, (color, value)) in enumerate(series.items()):
        place = ((WIDTH - RIGHT - 12) * FINER, (TOP + 10 + 24 * row) * FINER)
        draw.text(place, f"{name}  {value:.3g}", fill=color, font=font, anchor="ra")
