"""Loss of patterns that repeat every 2 or 4 pixels, which upsampling makes and pooling in the loss network rewards."""

from __future__ import annotations

import torch
from torch import Tensor

PERIODS_PX = (2, 4)
"""Of the grids that two upsamplings by 2 can leave, and that the first two poolings of VGG see in phase."""
TILE_PX = 64
"""A multiple of the periods. Tiles count alike: a grid in a calm sky is seen better than one in foliage."""
BESIDE = (-5, -4, -3, -2, 2, 3, 4, 5)
"""Frequency bins that a grid's bin is compared with; a Hann window spreads a line over ±1."""
TOLERATED = 1.25
"""Of P_k / mean P_beside: so much a tile without a grid has by chance."""


def grid_loss(image: Tensor) -> Tensor:
    """Σ max(0, ln(P_k / mean P_beside / 1.25)) over periods of 2 and 4 px and both axes, mean over tiles; shape (B,).

    P is the spectrum along an axis of a tile of 64 px, Hann window, mean over lines and channels. What stands beside
    counts as constant: the gradient weakens the grid and never roughens the picture around it. The logarithm makes it
    as strong where the picture is calm as where it is busy.

    Args:
        image: (B, C, H, W), floating point. Pixels beyond the last half tile are left out; 0 where a side is below 64.
    """
    image = image.to(torch.promote_types(image.dtype, torch.float32))
    total = image.new_zeros(len(image))
    if min(image.shape[-2:]) < TILE_PX:
        return total
    tiles = image.unfold(2, TILE_PX, TILE_PX // 2).unfold(3, TILE_PX, TILE_PX // 2)  # (B, C, h, w, 64, 64)
    window = torch.hann_window(TILE_PX, dtype=image.dtype, device=image.device)
    for lines in (tiles, tiles.transpose(4, 5)):
        power = torch.fft.rfft((lines - lines.mean(5, keepdim=True)) * window).abs().square().mean((1, 4))
        for period in PERIODS_PX:
            place = TILE_PX // period
            beside = [place + step for step in BESIDE if place + step < power.shape[-1]]
            ratio = power[..., place] / power[..., beside].mean(-1).detach().clamp_min(1e-12)
            total = total + (ratio / TOLERATED).clamp_min(1).log().mean((1, 2))
    return total
