"""Structural similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STRIP_VALUES = 1 << 20
"""Looked at in one go: a dozen maps of all of a large picture would come from the system page by page."""


def ssim(first: Tensor, second: Tensor, *, sigma: float = 1.5, window: int = 11) -> Tensor:
    """Mean SSIM per picture, shape (B,)   (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13).

    Gaussian window of 11 px with σ = 1.5, K₁ = 0.01, K₂ = 0.03, data range 1, valid positions only, mean over
    channels: the settings of the paper, and of scikit-image with gaussian_weights and use_sample_covariance off.

    Args:
        first: (B, C, H, W), 0..1, H and W at least `window`.
        second: The same shape.
        sigma: Of the Gaussian, in pixels.
        window: Side of the window, in pixels.
    """
    channels = first.shape[1]
    offsets = torch.arange(window, dtype=first.dtype, device=first.device) - window // 2
    gauss = torch.exp(-(offsets**2) / (2 * sigma**2))
    gauss = gauss / gauss.sum()

    def blur(x: Tensor) -> Tensor:
        x = F.conv2d(x, gauss.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
        return F.conv2d(x, gauss.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)

    def score(first: Tensor, second: Tensor) -> Tensor:
        mean1, mean2 = blur(first), blur(second)
        var1 = blur(first * first) - mean1**2
        var2 = blur(second * second) - mean2**2
        cov = blur(first * second) - mean1 * mean2
        c1, c2 = 0.01**2, 0.03**2
        return (2 * mean1 * mean2 + c1) * (2 * cov + c2) / ((mean1**2 + mean2**2 + c1) * (var1 + var2 + c2))

    height, width = first.shape[2] - window + 1, first.shape[3] - window + 1  # of the valid positions
    rows = max(1, STRIP_VALUES // max(1, first[:, :, 0].numel()))
    sums = [
        score(*(image[:, :, top : min(top + rows, height) + window - 1] for image in (first, second))).sum((1, 2, 3))
        for top in range(0, height, rows)
    ]
    return torch.stack(sums).sum(0) / (channels * height * width)
