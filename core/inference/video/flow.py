"""Optical flow with nothing to download: dense Lucas–Kanade, coarse to fine, with an exhaustive search inside.

Lucas & Kanade 1981 in the inverse form of Baker & Matthews 2004 (gradients of the first picture, so that their
products are averaged once a level), a window around every pixel, weights against outliers (Cauchy), and in between the
flow of neighbours tried out (PatchMatch's propagation, Barnes et al. 2009) and averaged where the window says little.
Large motion: a full search of ±6 positions at an eighth of the size, taken where it explains the picture clearly better
than what the coarser levels found.

Windows are triangular. A box looks natural and is unstable: its frequency response is negative for some waves, and
Lucas–Kanade per pixel then pushes errors of that wavelength up, not down (seen: the error from the true flow grew with
every step, 0.05, 0.08, 0.11 … pixels).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...color import luminance
from .warp import pixel_grid, resize_flow, warp
from .windows import box_mean, triangle_mean

COARSEST = 5
"""Halvings at most; fewer for pictures that would get below 8 pixels."""
STEPS = (1, 3, 3, 4, 4, 4)
"""Lucas–Kanade steps a level, finest first."""
SEARCH_LEVEL, SEARCH_RADIUS = 3, 6
"""±6 positions at an eighth: motion of up to 48 pixels a frame beyond what the coarser levels saw."""
SEARCH_MARGIN = 0.015
"""How much smaller the mean difference must be for the searched motion to win: flat areas fit anywhere."""
DIFFERENCE_CAP = 0.1
OUTLIER = 0.2
"""Difference, 0..1, that halves a pixel's weight."""
WINDOW, SMOOTH = 3, 2
"""Radii: of the box that is applied twice to gradients, and of the averaging of the flow between steps."""
FLATNESS = 1e-4
"""Added to the squared gradients: what noise makes of a flat area."""


def lucas_kanade_flow(first: Tensor, second: Tensor) -> Tensor:
    """Where every pixel of `first` is in `second`.

    Args:
        first: (B, 3, H, W), 0..1, floating point.
        second: Same shape, dtype and device.

    Returns:
        (B, 2, H, W), displacement in pixels, right and down: first(x) ≈ second(x + flow(x)).
    """
    pyramid = _pyramid(luminance(first), luminance(second))
    flow = torch.zeros_like(first[:, :2, : pyramid[-1][0].shape[2], : pyramid[-1][0].shape[3]])
    for level in range(len(pyramid) - 1, -1, -1):
        a, b = pyramid[level]
        height, width = a.shape[-2:]
        grid = pixel_grid(height, width, a)
        flow = resize_flow(flow, height, width)
        if level == min(SEARCH_LEVEL, len(pyramid) - 1):
            flow = _better(a, b, [flow, _median(_search(a, b))], grid, SEARCH_MARGIN)
        if level > 0:
            flow = _better(a, b, [flow, *_neighbours(flow)], grid, 0.0)
        flow = _refine(a, b, flow, grid, STEPS[level], SMOOTH if level else 1)
        if level > 0:
            flow = _median(flow)
    return flow


def _pyramid(a: Tensor, b: Tensor) -> list[tuple[Tensor, Tensor]]:
    levels = [(a, b)]
    while len(levels) <= COARSEST and min(a.shape[-2:]) >= 16:
        a, b = _half(a), _half(b)
        levels.append((a, b))
    return [(_soften(a), _soften(b)) for a, b in levels]


def _half(x: Tensor) -> Tensor:
    size = ((x.shape[-2] + 1) // 2, (x.shape[-1] + 1) // 2)
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def _soften(x: Tensor) -> Tensor:
    """(¼, ½, ¼) both ways: linear interpolation of what is sharper is biased towards whole pixels."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., 1:-1] * 0.5 + (padded[..., :-2] + padded[..., 2:]) * 0.25
    return rows[..., 1:-1, :] * 0.5 + (rows[..., :-2, :] + rows[..., 2:, :]) * 0.25


def _gradients(x: Tensor) -> Tensor:
    """Central differences, (B, 1, H, W) → (B, 2, H, W)."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return torch.cat([right, down], 1) * 0.5


def _refine(a: Tensor, b: Tensor, flow: Tensor, grid: Tensor, steps: int, smooth: int) -> Tensor:
    """Lucas–Kanade steps, Δ = −J⁻¹ Σ w ∇a (b(x + flow) − a), each followed by averaging weighted by confidence."""
    gradient = _gradients(a)
    gx, gy = gradient.split(1, 1)
    xx, xy, yy = triangle_mean(torch.cat([gx * gx, gx * gy, gy * gy], 1), WINDOW).split(1, 1)
    # the smaller eigenvalue of J: 0 along an edge and on a plain
    certainty = (xx + yy) / 2 - torch.sqrt(((xx - yy) / 2).square() + xy.square())
    certainty = certainty.clamp_min(1e-7)
    total = triangle_mean(certainty, smooth)
    xx, yy = xx + FLATNESS, yy + FLATNESS
    determinant = xx * yy - xy * xy
    for _ in range(steps):
        difference = warp(b, flow, grid=grid) - a
        weighted = difference / (1 + (difference / OUTLIER).square())
        rx, ry = triangle_mean(gradient * weighted, WINDOW).split(1, 1)
        step = torch.cat([xy * ry - yy * rx, xy * rx - xx * ry], 1) / determinant
        flow = flow + step.clamp(-1, 1)
        flow = triangle_mean(flow * certainty, smooth) / total
    return flow


def _search(a: Tensor, b: Tensor) -> Tensor:
    """Best whole-pixel displacement within the radius, by mean capped difference over 5×5."""
    radius = SEARCH_RADIUS
    height, width = a.shape[-2:]
    windows = F.pad(b, (radius,) * 4, mode="replicate")[:, 0].unfold(1, height, 1).unfold(2, width, 1)
    cost = (windows - a[:, :, None]).abs().clamp_max(1.5 * DIFFERENCE_CAP).flatten(1, 2)  # (B, n², H, W)
    offsets = torch.arange(-radius, radius + 1, dtype=a.dtype, device=a.device)
    dy, dx = (axis.flatten() for axis in torch.meshgrid(offsets, offsets, indexing="ij"))
    # of equal ones the shortest
    cost = box_mean(cost, 2) + 5e-4 * torch.hypot(dx, dy).view(1, -1, 1, 1)
    best = cost.argmin(1, keepdim=True)
    return torch.cat([dx[best], dy[best]], 1)


def _neighbours(flow: Tensor, distance: int = 3) -> list[Tensor]:
    """The flow of the pixels right, left, below and above."""
    height, width = flow.shape[-2:]
    padded = F.pad(flow, (distance,) * 4, mode="replicate")
    starts = [(distance, 2 * distance), (distance, 0), (2 * distance, distance), (0, distance)]
    return [padded[..., y : y + height, x : x + width] for y, x in starts]


def _better(a: Tensor, b: Tensor, candidates: list[Tensor], grid: Tensor, margin: float) -> Tensor:
    """Per pixel the candidate that explains the picture best; those after the first must win by the margin."""
    best = candidates[0]
    lowest = _cost(a, b, best, grid)
    for candidate in candidates[1:]:
        cost = _cost(a, b, candidate, grid) + margin
        wins = cost < lowest
        lowest = torch.where(wins, cost, lowest)
        best = torch.where(wins, candidate, best)
    return best


def _cost(a: Tensor, b: Tensor, flow: Tensor, grid: Tensor) -> Tensor:
    return box_mean((warp(b, flow, grid=grid) - a).abs().clamp_max(DIFFERENCE_CAP), 2)


def _median(flow: Tensor) -> Tensor:
    """Median of 3×3, per component: single wrong pixels go, motion edges stay."""
    height, width = flow.shape[-2:]
    padded = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    shifted = [padded[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack(shifted).median(0).values
