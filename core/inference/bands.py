"""Two bands of a picture, so that tones and strokes can have strengths of their own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CROSSOVER_PX = 6.0
"""σ of the Gaussian between the bands, at stroke size 1: strokes of the usual networks are 5 to 15 pixels wide."""


def join_bands(coarse: Tensor, fine: Tensor, sigma_px: float = CROSSOVER_PX) -> Tensor:
    """The low frequencies of one picture under the high ones of another: fine + G ∗ (coarse − fine).

    Args:
        coarse: (B, 3, H, W), floating point.
        fine: Same shape, dtype and device.
        sigma_px: σ of G in pixels.

    Returns:
        New tensor, same shape, clamped to 0..1; `fine` where both agree.
    """
    return (fine + gaussian_blur(coarse - fine, sigma_px)).clamp(0, 1)


def gaussian_blur(image: Tensor, sigma_px: float) -> Tensor:
    """Separable Gaussian to 3 σ, borders repeated, (B, C, H, W) → same; works in the dtype of `image`."""
    radius = max(1, math.ceil(3 * sigma_px))
    positions = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (positions / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, 1, -1)
    image = F.conv2d(F.pad(image, (radius, radius, 0, 0), mode="replicate"), kernel, groups=image.shape[1])
    return F.conv2d(F.pad(image, (0, 0, radius, radius), mode="replicate"), kernel.mT, groups=image.shape[1])
