"""The small picture of a painting inside a model file."""

from __future__ import annotations

import base64
import io

import torch
from torch import Tensor

from ..core.images import resize_image

LARGEST_BYTES = 3000
"""As base64 that is 4,000 characters: the limit of the native file is 4 KB."""


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
