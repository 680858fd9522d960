"""The formulas: Gram matrix, mean and deviation, content, style and total variation loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gram_matrix(features: Tensor) -> Tensor:
    """G = F Fᵀ / (C·H·W)          (Johnson et al. 2016, eq. 3)

    Args:
        features: (B, C, H, W), floating point, any device.

    Returns:
        (B, C, C), symmetric, same dtype and device; accumulated in float32 for half-precision input.
    """
    b, c, h, w = features.shape
    if features.dtype == torch.bfloat16:
        # Products in bfloat16, rounded once per slice of at least 1,024 positions and summed in float32.
        slices = math.gcd(h, max(1, h * w // 1024))
        flat = features.permute(0, 2, 3, 1).reshape(b * slices, h * w // slices, c)
        return torch.bmm(flat.transpose(1, 2), flat).view(b, slices, c, c).float().sum(1) / (c * h * w)
    if features.dtype == torch.float16:
        features = features.float()  # a sum over 65,536 positions overflows float16
    flat = features.reshape(b, c, h * w)
    return torch.bmm(flat, flat.transpose(1, 2)) / (c * h * w)


def calc_mean_std(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Channel-wise mean and √(unbiased variance + eps), each (B, C, 1, 1)   (Huang & Belongie 2017, eq. 5–6).

    The unbiased variance and the epsilon inside the root are the reference implementation's.
    """
    variance, mean = torch.var_mean(features, dim=(2, 3), keepdim=True, correction=1)
    return mean, (variance + eps).sqrt()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Feature reconstruction loss ‖F − T‖² / (C·H·W), mean over the batch   (Johnson et al. 2016, eq. 2).

    Both (B, C, H, W); a scalar comes back.
    """
    return (features - target).square().mean()


def style_loss(features: Tensor, target_gram: Tensor) -> Tensor:
    """‖G(F) − G_s‖²_F / C² per sample, shape (B,)   (Johnson et al. 2016, eq. 4, as a mean over entries).

    Args:
        features: (B, C, H, W).
        target_gram: (B or 1, C, C), from `gram_matrix`.
    """
    return (gram_matrix(features) - target_gram).square().mean((1, 2))


def total_variation_loss(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels, both directions; a scalar   (Johnson et al. 2016, § 3.2)."""
    vertical = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
    horizontal = (image[..., :, 1:] - image[..., :, :-1]).square().mean()
    return vertical + horizontal
