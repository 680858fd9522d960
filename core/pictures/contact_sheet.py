"""Contact sheets: a labelled grid of pictures, for people to look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..images import check_image, resize_image

if TYPE_CHECKING:
    from PIL import Image

BACKGROUND, INK = (24, 24, 24), (225, 225, 225)
GAP_PX = 6
BEYOND_ACCENTS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "ł": "l", "Ł": "L", "–": "-", "—": "-"}
)
"""What is no letter with an accent to Unicode."""


def contact_sheet(
    rows: Sequence[Sequence[Tensor | None]],
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    *,
    cell_px: int = 256,
) -> Image.Image:
    """Draw pictures in a grid, each scaled to fit its square cell and centred.

    Args:
        rows: Pictures (1, 3, H, W) or (3, H, W), float, 0..1; None leaves a cell empty.
        row_labels: Texts to the left of the rows; long ones are wrapped.
        column_labels: Texts above the columns.
        cell_px: Side of a cell.

    Returns:
        A PIL image, RGB.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(10, cell_px // 16))
    line_px = int(font.getbbox("Ag")[3] * 1.25)
    label_px = cell_px * 3 // 4
    row_texts = [_wrap(_drawable(text), font, label_px - 2 * GAP_PX) for text in row_labels]
    column_texts = [_wrap(_drawable(text), font, cell_px) for text in column_labels]
    left = label_px if any(row_texts) else GAP_PX
    top = GAP_PX + max((len(lines) for lines in column_texts), default=0) * line_px + GAP_PX
    columns = max((len(row) for row in rows), default=0)
    step = cell_px + GAP_PX
    sheet = Image.new("RGB", (left + columns * step, top + len(rows) * step), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for column, lines in enumerate(column_texts):
        for i, line in enumerate(lines):
            draw.text((left + column * step + cell_px // 2, GAP_PX + i * line_px), line, INK, font, anchor="ma")
    for row, lines in enumerate(row_texts):
        start = top + row * step + (cell_px - len(lines) * line_px) // 2
        for i, line in enumerate(lines):
            draw.text((GAP_PX, start + i * line_px), line, INK, font)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            if picture is not None:
                cell = _fit(picture, cell_px)
                x, y = (cell_px - cell.width) // 2, (cell_px - cell.height) // 2
                sheet.paste(cell, (left + column * step + x, top + row * step + y))
    return sheet


def _fit(picture: Tensor, cell_px: int) -> Image.Image:
    import torch
    from PIL import Image

    image = check_image(picture[None] if picture.ndim == 3 else picture, "cell").detach().cpu().float()
    ratio = cell_px / max(image.shape[-2:])
    height, width = (max(1, round(side * ratio)) for side in image.shape[-2:])
    pixels = (resize_image(image[:1], height, width)[0] * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def _drawable(text: str) -> str:
    """Letters without their accents: Pillow's own font has hardly more than ASCII, and draws a box for the others."""
    parts = unicodedata.normalize("NFKD", text.translate(BEYOND_ACCENTS))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _wrap(text: str, font: object, width_px: int) -> list[str]:
    """Break at spaces and after hyphens, so that no line is wider than the cell where possible."""
    length = font.getlength  # type: ignore[attr-defined]
    lines: list[str] = []
    for part in text.splitlines():
        line = ""
        for word in part.replace("-", "-\0").replace(" ", " \0").split("\0"):
            if line and length((line + word).rstrip()) > width_px:
                lines.append(line.rstrip())
                line = ""
            line += word
        lines.append(line.rstrip())
    return lines
