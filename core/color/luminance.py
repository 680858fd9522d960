"""Luminance: the Y of YIQ, and a painting whose colours are the photo's while its light and dark stay."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ImageError

LUMA = (0.299, 0.587, 0.114)
"""Y of YIQ (NTSC 1953)."""


def luminance(image: Tensor) -> Tensor:
    """Y of YIQ: (B, 3, H, W) → (B, 1, H, W), same dtype and device."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def transfer_luminance(painting: Tensor, photo: Tensor) -> Tensor:
    """Y from the painting, I and Q from the photo: luminance-only transfer (Gatys et al., arXiv 1606.05897).

    Y enters R, G and B of the way back from YIQ with factor 1, so no matrix is needed:
    out = photo + Y(painting) − Y(photo).

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: Same shape and device.

    Returns:
        (B, 3, H, W) in the painting's dtype, clamped to 0..1.

    Raises:
        ImageError: The sizes differ.
    """
    if painting.shape[-2:] != photo.shape[-2:]:
        raise ImageError(
            "The luminance of one picture cannot be joined to the chroma of another size.",
            expected=f"a photo of {painting.shape[-1]}×{painting.shape[-2]}",
            got=f"{photo.shape[-1]}×{photo.shape[-2]}",
            do="Give the photo that was painted, or resize it; histogram and coral take any size.",
        )
    work = torch.promote_types(painting.dtype, torch.float32)
    painting_work, photo_work = painting.to(work), photo.to(work)
    out = photo_work + (luminance(painting_work) - luminance(photo_work))
    return out.clamp(0, 1).to(painting.dtype)
