"""Paintings moved by any flow without losing their finest detail.

Interpolating between pixels takes away what is finest: bilinear at half a pixel made the style loss of one painting
four times as large, bicubic 1.3 times, a windowed sinc 1.05 times. Between the pixels of a painting laid out at twice
its size bicubic does as well as the sinc, at the price of one enlargement.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .warp import beyond_borders

LOBES = 4
"""Of the windowed sinc, on either side."""
STRIP_ROWS = 128
"""Moved at once."""


def doubled(image: Tensor, wrap: tuple[bool, bool] = (False, False)) -> Tensor:
    """Twice the size, by a windowed sinc.

    Args:
        image: (B, C, H, W), 0..1.
        wrap: Whether it repeats along x, along y; elsewhere the border is repeated.

    Returns:
        (B, C, 2H, 2W), float16, somewhat below 0 and above 1 next to sharp edges.
    """
    batch, channels, height, width = image.shape
    result = torch.empty(batch, channels, 2 * height, 2 * width, dtype=torch.float16, device=image.device)
    for first in range(0, height, STRIP_ROWS):
        rows = torch.arange(first - LOBES, min(first + STRIP_ROWS, height) + LOBES, device=image.device)
        rows = rows.remainder(height) if wrap[1] else rows.clamp(0, height - 1)
        columns = torch.arange(-LOBES, width + LOBES, device=image.device)
        columns = columns.remainder(width) if wrap[0] else columns.clamp(0, width - 1)
        strip = image.index_select(2, rows).index_select(3, columns)
        strip = _twice(_twice(strip, 2), 3)
        result[:, :, 2 * first : 2 * first + strip.shape[2]] = strip
    return result


def _twice(image: Tensor, dim: int) -> Tensor:
    """Twice as many samples along one dimension, less the lobes at both ends."""
    count = image.shape[dim] - 2 * LOBES
    halves = []
    for place in (-0.25, 0.25):
        distance = torch.arange(-LOBES, LOBES + 1, dtype=torch.float64) - place
        weights = torch.sinc(distance) * torch.sinc(distance / LOBES) * (distance.abs() < LOBES)
        half = torch.zeros_like(image.narrow(dim, 0, count))
        for tap, weight in enumerate((weights / weights.sum()).tolist()):
            half.add_(image.narrow(dim, tap, count), alpha=weight)
        halves.append(half)
    return torch.stack(halves, dim + 1).flatten(dim, dim + 1)


def carried(twice: Tensor, flow: Tensor, first: int, rows: int, wrap: tuple[bool, bool] = (False, False)) -> Tensor:
    """Some rows of a painting, moved.

    Args:
        twice: The painting as `doubled` laid it out, (1, C, 2H, 2W).
        flow: (1, 2, H, W), where each pixel comes from, in pixels right and down.
        first: First row.
        rows: How many.
        wrap: As in `doubled`.

    Returns:
        (1, C, rows, W), in the flow's dtype.
    """
    height, width = flow.shape[-2:]
    flow = flow[:, :, first : first + rows]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + 0.5 + flow[:, 0]
    y = torch.arange(first, first + flow.shape[2], dtype=flow.dtype, device=flow.device)[:, None] + 0.5 + flow[:, 1]
    x = x.remainder(width) if wrap[0] else x
    y = y.remainder(height) if wrap[1] else y
    x, y = 2 * x - 0.5, 2 * y - 0.5  # in pixels of `twice`
    low = int((y.min() - 2).clamp(0, 2 * height - 1))
    high = max(low + 1, min(2 * height, int(y.max()) + 4))
    margin = 2
    if wrap[1]:
        twice, low, high = beyond_borders(twice, margin, (False, True)), -margin, 2 * height + margin
        part = twice.to(flow.dtype)
    else:
        part = twice[:, :, low:high].to(flow.dtype)
    left = -margin if wrap[0] else 0
    part = beyond_borders(part, margin, (wrap[0], False))
    size = torch.tensor([part.shape[3], part.shape[2]], dtype=flow.dtype, device=flow.device)
    there = (torch.stack([x - left, y - low], -1) * 2 + 1) / size - 1
    return F.grid_sample(part, there, "bicubic", "border", align_corners=False)
