"""Measurements as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .measure import Measurement, mean_of

COLUMNS = tuple(Measurement.__dataclass_fields__)


def measurement_table(measured: Mapping[str, Measurement], flicker: float | None = None) -> str:
    """A line for every painting, and the mean where there are several.

    Args:
        measured: Name of a painting → its numbers.
        flicker: Of the film that the paintings are, if they are one.
    """
    rows = dict(measured)
    if len(rows) > 1:
        rows["mean"] = mean_of(list(measured.values()))
    width = max(len(name) for name in ("painting", *rows))
    lines = [" ".join([f"{'painting':{width}}", *(f"{name:>{_width(name)}}" for name in COLUMNS)])]
    for name, one in rows.items():
        cells = (f"{_number(getattr(one, column)):>{_width(column)}}" for column in COLUMNS)
        lines.append(" ".join([f"{name:{width}}", *cells]))
    if flicker is not None:
        lines.append(f"flicker {_number(flicker)} over {len(measured)} frames")
    return "\n".join(lines)


def measurement_dict(measured: Mapping[str, Measurement], flicker: float | None = None) -> dict[str, Any]:
    """JSON-ready: `paintings`, `mean`, and `flicker` where there is one; numbers that cannot be had are None."""
    found: dict[str, Any] = {
        "paintings": {name: one.to_dict() for name, one in measured.items()},
        "mean": mean_of(list(measured.values())).to_dict(),
    }
    if flicker is not None:
        found["flicker"] = None if math.isnan(flicker) else flicker
    return found


def _width(column: str) -> int:
    return max(8, len(column))


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
