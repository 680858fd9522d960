"""Style grid: one photo in many styles and strengths, in one labelled picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import ConfigError
from ..images import check_image
from ..pictures.contact_sheet import contact_sheet
from ..style_model import StyleModel, StyleSelection
from .controls import Controls
from .stylizer import Stylizer

if TYPE_CHECKING:
    from PIL import Image

GridProgress = Callable[[int, int, Tensor], None]
"""Called with (cells done, cells in all, painting (3, H, W)) after every cell. What it raises ends the run."""

MOST_CELLS = 400


@dataclass(frozen=True)
class GridColumn:
    """One style."""

    label: str
    style: StyleSelection


@dataclass(frozen=True)
class GridRow:
    """One setting of the Stylizer."""

    label: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `Stylizer.__call__`, such as strength."""


def named_columns(model: StyleModel, names: Sequence[str | int] = ()) -> list[GridColumn]:
    """Columns for styles by name or index; without names all styles but the identity, which is the photo.

    Raises:
        StyleError: A style that the model does not have.
    """
    if names:
        indices = [model.style_index(name) for name in names]
    else:
        indices = [index for index in range(len(model.spec.styles)) if index != model.spec.identity_index]
    return [GridColumn(model.spec.styles[index].name, index) for index in indices]


def value_rows(option: str, values: Sequence[float]) -> list[GridRow]:
    """Rows that vary one number: `value_rows("strength", (0.25, 0.5, 1.0))`."""
    return [GridRow(f"{option.replace('_', ' ')} {value:g}", {option: value}) for value in values]


def stroke_rows(sizes: Sequence[float]) -> list[GridRow]:
    """Rows that vary the stroke size, 0.25 to 4.

    Raises:
        ConfigError: A size out of range.
    """
    return [GridRow(f"stroke size {size:g}", {"controls": Controls(stroke_size=size)}) for size in sizes]


def style_grid(
    stylizer: Stylizer,
    photo: Tensor,
    columns: Sequence[GridColumn],
    rows: Sequence[GridRow],
    *,
    cell_px: int = 256,
    progress: GridProgress | None = None,
    **options: Any,
) -> Image.Image:
    """Paint a photo once for every column and row.

    Left of the paintings stands the photo. Style pictures stand above their column.

    Args:
        stylizer: The model.
        photo: (1, 3 or 4, H, W), 0..1; painted at this size, and shown at `cell_px`.
        columns: Styles, at least one.
        rows: Settings, at least one.
        cell_px: Side of a cell.
        progress: See `GridProgress`.
        options: Arguments of the Stylizer that all cells share; a row's own go before.

    Returns:
        RGB.

    Raises:
        ConfigError: No cells, or more than 400.
    """
    count = len(columns) * len(rows)
    if not 0 < count <= MOST_CELLS or cell_px < 16:
        raise ConfigError(
            "The grid cannot be drawn.",
            expected=f"1 to {MOST_CELLS} cells of at least 16 px",
            got=f"{len(columns)} styles × {len(rows)} settings of {cell_px} px",
            do="Choose fewer styles or values.",
        )
    photo = check_image(photo, "photo", channels=(3, 4))
    cells: list[list[Tensor | None]] = []
    for row in rows:
        painted: list[Tensor | None] = [photo[:, :3] if not cells else None]
        for column in columns:
            painting = stylizer(photo, column.style, **{**options, **row.options})[:, :3]
            painted.append(painting)
            if progress is not None:
                progress(len(cells) * len(columns) + len(painted) - 1, count, painting[0])
        cells.append(painted)
    labels = [row.label for row in rows]
    if any(isinstance(column.style, Tensor) for column in columns):
        pictures = [column.style if isinstance(column.style, Tensor) else None for column in columns]
        cells.insert(0, [cells[0][0], *pictures])
        cells[1][0] = None
        labels.insert(0, "")
    return contact_sheet(cells, labels, ["photo", *(column.label for column in columns)], cell_px=cell_px)


def numbers(text: str) -> tuple[float, ...]:
    """`0.25, 0.5 1` → (0.25, 0.5, 1.0).

    Raises:
        ConfigError: Something that is no number, or nothing.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        values = ()
    if not values or not all(torch.isfinite(torch.tensor(values))):
        raise ConfigError(
            "These are no values for the rows of a grid.",
            expected="numbers with commas or spaces between, such as 0.25, 0.5, 1",
            got=repr(text),
            do="Correct the list.",
        )
    return values
