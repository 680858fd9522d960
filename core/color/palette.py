"""The colours of another picture, all three channels together: iterative distribution transfer."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 12
"""Rotations; the sliced distance to the palette falls by less than a tenth a round after these."""

KNOTS = 96
"""Quantiles of each one-dimensional match: few enough not to turn the grain of the picture into noise."""

SAMPLES = 1 << 16
"""Pixels that the quantiles are taken from, evenly spaced."""


def match_palette(painting: Tensor, palette: Tensor) -> Tensor:
    """Give the painting the palette's distribution of colours   (Pitié et al. 2007, "Automated colour grading").

    Matching channel by channel invents colours that the palette does not have. Here the distributions are matched
    along three axes at a time that are rotated from round to round, which brings the joint distributions together.

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        palette: (B, 3, h, w), any size, same device.

    Returns:
        (B, 3, H, W), 0..1, in the painting's dtype. The rotations are always the same ones.
    """
    work = torch.promote_types(painting.dtype, torch.float32)
    quantiles = torch.linspace(0, 1, KNOTS, device=painting.device, dtype=work)
    result = []
    for own, wanted in zip(painting.to(work).flatten(2), palette.to(work).flatten(2), strict=True):
        colors, goal = own, _sampled(wanted)
        for axes in _rotations(work).to(painting.device):
            along, goal_along = axes @ colors, axes @ goal
            knots, values = (
                torch.quantile(_sampled(along), quantiles, dim=1),
                torch.quantile(goal_along, quantiles, dim=1),
            )
            matched = torch.stack([_interpolate(*row) for row in zip(along, knots.mT, values.mT, strict=True)])
            colors = axes.mT @ matched
        result.append(colors.view(painting.shape[1:]))
    return torch.stack(result).clamp(0, 1).to(painting.dtype)


def _sampled(pixels: Tensor) -> Tensor:
    """(3, n) → (3, at most SAMPLES)."""
    return pixels[:, :: max(1, -(-pixels.shape[1] // SAMPLES))]


def _rotations(dtype: torch.dtype) -> Tensor:
    """(ROUNDS, 3, 3): the channels first, then fixed orthogonal axes."""
    generator = torch.Generator().manual_seed(2007)
    random = torch.randn(ROUNDS, 3, 3, generator=generator, dtype=torch.float64)
    random[0] = torch.eye(3)
    return torch.linalg.qr(random).Q.to(dtype)


def _interpolate(values: Tensor, knots: Tensor, targets: Tensor) -> Tensor:
    """Piecewise linear map of (n,) that takes the increasing `knots` to `targets`; shifted beyond the ends."""
    above = torch.searchsorted(knots.contiguous(), values.contiguous()).clamp(1, len(knots) - 1)
    low, high = knots[above - 1], knots[above]
    share = ((values - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    inside = torch.lerp(targets[above - 1], targets[above], share)
    return inside + (values - values.clamp(knots[0], knots[-1]))
