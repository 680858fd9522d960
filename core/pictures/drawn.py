"""From Pillow's pictures to tensors: what was drawn goes on as any picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image


def from_drawn(image: Image.Image) -> Tensor:
    """A Pillow picture → (1, 3, H, W), float32, 0..1."""
    rgb = image.convert("RGB")
    pixels = torch.frombuffer(bytearray(rgb.tobytes()), dtype=torch.uint8).view(rgb.height, rgb.width, 3)
    return pixels.permute(2, 0, 1)[None].float() / 255
