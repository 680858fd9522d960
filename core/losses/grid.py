"""Loss of patterns that repeat every 2 or 4 pixels, which upsampling makes possible (docs/adr/0021)."""

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
"""Of a tile's P_k / mean P_beside: so much one without a grid has by chance. Whole lines average more."""

QUANTISATION = (1 / 255) ** 2 / 12
"""Variance of rounding to 8 bits: grids below it are not seen, and gradients stay bounded on pictures of one colour."""


def grid_loss(image: Tensor) -> Tensor:
    """Σ max(0, ln(P_k / mean P_beside)) over periods of 2 and 4 px and both axes; shape (B,), 0 without a grid.

    Of tiles of 64 px, their mean, above ln 1.25, and of the whole picture: the one sees grids in calm parts, the other
    faint ones that stay in phase from edge to edge. P is the spectrum along an axis, Hann window, mean over lines and
    channels. What stands beside counts as constant: the gradient weakens the grid and never roughens the picture around
    it. The logarithm makes it as strong where the picture is calm as where it is busy.

    Args:
        image: (B, C, H, W), floating point. 0 where a side is below 64 px; of the tiles, pixels beyond the last half
            tile are left out, of the whole, those beyond the last multiple of 4.
    """
    image = image.to(torch.promote_types(image.dtype, torch.float32))
    if min(image.shape[-2:]) < TILE_PX:
        return image.new_zeros(len(image))
    tiles = image.unfold(2, TILE_PX, TILE_PX // 2).unfold(3, TILE_PX, TILE_PX // 2)  # (B, C, h, w, 64, 64)
    tiles = tiles.flatten(2, 3).transpose(1, 2)
    height, width = (side // 4 * 4 for side in image.shape[-2:])
    whole = image[:, None, :, :height, :width]
    pairs = ((tiles, TOLERATED), (whole, 1.0))
    parts = [_excess(axis, most) for part, most in pairs for axis in (part, part.transpose(3, 4))]
    return torch.stack(parts).sum(0)


def _excess(pictures: Tensor, tolerated: float) -> Tensor:
    """Along the last axis of (B, N, C, H, W): ln of what each has beyond `tolerated`, mean over N; (B,)."""
    side = pictures.shape[-1]
    window = torch.hann_window(side, dtype=pictures.dtype, device=pictures.device)
    power = torch.fft.rfft((pictures - pictures.mean(4, keepdim=True)) * window).abs().square().mean((2, 3))
    power = power + QUANTISATION * window.square().sum()
    total = pictures.new_zeros(len(pictures))
    for period in PERIODS_PX:
        place = side // period
        beside = [place + step for step in BESIDE if place + step < power.shape[-1]]
        ratio = power[..., place] / power[..., beside].mean(-1).detach()
        total = total + (ratio / tolerated).clamp_min(1).log().mean(1)
    return total
