"""The small picture inside a model file: of a painting, or of what a model for any style makes of a photo."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import torch
from torch import Tensor

from ..core.images import resize_image, resize_short_side
from ..core.pictures.samples import sample_photo
from .data import read_rgb

LARGEST_BYTES = 3000
"""As base64 that is 4,000 characters: the limit of the native file is 4 KB."""

QUARTERS = 4
"""Styles in the picture of an any-style model."""
QUARTERS_PHOTO = "chelsea"
"""A sample photo, not one of the user's: nobody expects those in the model file."""
QUARTERS_SIDE_PX = 256


def quarters(paint: Callable[[Tensor, Tensor], Tensor], styles: Tensor) -> Tensor:
    """One sample photo in four quarters, each in the style of another picture.

    Args:
        paint: Photo and style picture, both (1, 3, H, W), 0..1 → painting of the photo's size.
        styles: (4, 3, h, w), 0..1.

    Returns:
        (1, 3, 256, 256), 0..1, on the CPU.

    Raises:
        ImageError: The installation lacks the sample photo.
    """
    photo = resize_short_side(read_rgb(sample_photo(QUARTERS_PHOTO)), QUARTERS_SIDE_PX)
    left = (photo.shape[-1] - QUARTERS_SIDE_PX) // 2
    photo = photo[..., left : left + QUARTERS_SIDE_PX]
    painted = [paint(photo, style[None]).cpu() for style in styles]
    half = QUARTERS_SIDE_PX // 2
    upper = torch.cat([painted[0][..., :half, :half], painted[1][..., :half, half:]], 3)
    lower = torch.cat([painted[2][..., half:, :half], painted[3][..., half:, half:]], 3)
    return torch.cat([upper, lower], 2)


def thumbnail(image: Tensor, side_px: int = 96) -> str:
    """(1, 3, H, W), 0..1 → base64 JPEG of the centre square, at most 4 KB."""
    from PIL import Image

    short = min(image.shape[-2:])
    top, left = (image.shape[-2] - short) // 2, (image.shape[-1] - short) // 2
    square = resize_image(image[..., top : top + short, left : left + short], side_px, side_px)
    array = (square[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    buffer = io.BytesIO()
    for quality in (80, 65, 50, 35, 20):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= LARGEST_BYTES:
            break
    return base64.b64encode(buffer.getvalue()).decode()
