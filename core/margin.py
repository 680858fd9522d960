"""A margin around pictures: beyond the border a network sees the mirror image, instead of padding in every layer.

Networks pad at the border, layer after layer, and paint thinner there (docs/adr/0020). `ModelSpec.margin_px` moves that
border outwards: the photo is mirrored before the network, and the painting is cut out of what it gives.
"""

from __future__ import annotations

import torch
from torch import Tensor

Margin = tuple[int, int]
"""Rows above and below a picture, columns left and right of it."""


def mirrored_places(length: int, margin: int, first: int, count: int) -> list[int]:
    """Which of `length` pixels lie at `first` … `first + count − 1` of a line that is mirrored outwards at both ends.

    The outermost pixel is not repeated (… c b a b c …), as networks pad; short lines are mirrored again and again.
    Beyond the margin the last place is repeated.

    Args:
        length: At least 1.
        margin: Pixels at each end.
        first: Of the line with its margin, at least 0.
        count: Any.

    Returns:
        `count` places, 0 … `length` − 1; plain numbers, which exist on every device, without data too.
    """
    period, last = max(1, 2 * (length - 1)), length + 2 * margin - 1
    places = ((min(place, last) - margin) % period for place in range(first, first + count))
    return [min(place, period - place) for place in places]


def selected(block: Tensor, axis: int, places: list[int], first: int) -> Tensor:
    """Rows or columns of a block that begins at `first`, in the order of `places`; itself where that is its own."""
    if places == list(range(first, first + block.shape[axis])):
        return block
    return block.index_select(axis, torch.tensor(places, device=block.device) - first)


def mirrored(image: Tensor, margin: Margin) -> Tensor:
    """(B, C, H, W) with its margin; the image itself where there is none."""
    for axis, pixels in zip((2, 3), margin, strict=True):
        if pixels:
            length = image.shape[axis]
            places = mirrored_places(length, pixels, 0, length + 2 * pixels)
            image = image.index_select(axis, torch.tensor(places, device=image.device))
    return image


def within(image: Tensor, margin: Margin, height: int, width: int) -> Tensor:
    """The picture (B, C, height, width) out of one with a margin, and maybe more on the right and below; a view."""
    down, right = margin
    return image[..., down : down + height, right : right + width]
