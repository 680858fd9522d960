"""Moving pictures along optical flow, and where that can be trusted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..periodic import periodic_resize

PHOTOMETRIC_SIGMA = 0.08
"""Mean difference of a colour channel, 0..1, at which the old paint has lost 63 % of its weight."""


WRAP_MARGIN_PX = 2
"""What interpolation sees beyond a pixel."""


def pixel_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Centres of the pixels in `grid_sample`'s coordinates: (1, H, W, 2), −1..1, dtype and device of `like`."""
    y = (torch.arange(height, dtype=like.dtype, device=like.device) * 2 + 1) / height - 1
    x = (torch.arange(width, dtype=like.dtype, device=like.device) * 2 + 1) / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


def warp(
    image: Tensor,
    flow: Tensor,
    *,
    mode: str = "bilinear",
    grid: Tensor | None = None,
    wrap: tuple[bool, bool] = (False, False),
) -> Tensor:
    """Give every pixel the value of `image` at the place that the flow points to.

    Args:
        image: (B, C, H, W), floating point; where nothing wraps any size, seen as a picture of the flow's.
        flow: (B or 1, 2, H, W), displacement in pixels, right and down; outside the picture the border repeats.
        mode: `bilinear` | `bicubic` | `nearest`. Bicubic keeps texture sharp over many resamplings, and may overshoot.
        grid: `pixel_grid` of this size, if the caller has it already.
        wrap: Whether the image repeats along x, along y, instead.

    Returns:
        (B, C, H, W), new tensor.
    """
    height, width = flow.shape[-2:]
    grid = pixel_grid(height, width, flow) if grid is None else grid
    to_grid = torch.tensor([2 / width, 2 / height], dtype=flow.dtype, device=flow.device)
    there = grid + flow.movedim(1, -1) * to_grid
    if any(wrap):
        there = torch.stack(
            [
                ((part + 1).remainder(2) - 1) * (length / (length + 2 * WRAP_MARGIN_PX)) if repeats else part
                for part, repeats, length in zip(there.unbind(-1), wrap, (width, height), strict=True)
            ],
            -1,
        )
        image = beyond_borders(image, WRAP_MARGIN_PX, wrap)
    return F.grid_sample(image, there.expand(len(image), -1, -1, -1), mode, "border", align_corners=False)


def resize_flow(flow: Tensor, height: int, width: int, *, wrap: tuple[bool, bool] = (False, False)) -> Tensor:
    """Flow (B, 2, h, w) at another resolution, its pixels counted there; over the borders along x and y by `wrap`."""
    if flow.shape[-2:] == (height, width):
        return flow
    factor = torch.tensor([width / flow.shape[-1], height / flow.shape[-2]], dtype=flow.dtype, device=flow.device)
    if any(wrap):
        resized = periodic_resize(flow, height, width, wrap=wrap)
    else:
        resized = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    return resized * factor.view(1, 2, 1, 1)


def beyond_borders(image: Tensor, margin: int, wrap: tuple[bool, bool]) -> Tensor:
    """(B, C, H, W) with what lies beyond the borders along x, along y, where it repeats; else as it is."""
    for dim, wrapped in ((3, wrap[0]), (2, wrap[1])):
        if wrapped:
            length = image.shape[dim]
            places = torch.arange(-margin, length + margin, device=image.device).remainder(length)
            image = image.index_select(dim, places)
    return image


def within_borders(image: Tensor, margin: int, wrap: tuple[bool, bool]) -> Tensor:
    """The picture without the margins of `beyond_borders`."""
    for dim, wrapped in ((3, wrap[0]), (2, wrap[1])):
        if wrapped:
            image = image.narrow(dim, margin, image.shape[dim] - 2 * margin)
    return image


def confidence(now: Tensor, before: Tensor, back: Tensor, forth: Tensor) -> Tensor:
    """How far the past can be trusted, per pixel: 1 where it was seen before, 0 where it was hidden or has changed.

    Three checks multiply:
    1. Forward and backward flow return to where they began,
       |w + f(x + w)|² < 0.01 (|w|² + |f(x + w)|²) + 0.5
       (Sundaram, Brox, Keutzer 2010; Ruder et al. 2016, eq. 4), softened: half the bound still counts fully, twice
       the bound not at all.
    2. The flow points into the picture.
    3. The photo looks the same there, exp(−(d / 0.08)²) of the difference d over a 3×3 neighbourhood: flow can return
       to its start and be wrong both ways, and light can change.

    Args:
        now: Photo of this frame (1, 3, H, W), 0..1.
        before: Photo of the frame before.
        back: Flow from now to before, (1, 2, H, W).
        forth: Flow from before to now.

    Returns:
        (1, 1, H, W), 0..1.
    """
    height, width = back.shape[-2:]
    grid = pixel_grid(height, width, back)
    returned = warp(forth, back, grid=grid)
    error = (back + returned).square().sum(1, keepdim=True)
    bound = 0.01 * (back.square() + returned.square()).sum(1, keepdim=True) + 0.5
    consistent = ((2 - error / bound) / 1.5).clamp(0, 1)
    there = grid.movedim(-1, 1) + back * torch.tensor([2 / width, 2 / height], dtype=back.dtype).view(1, 2, 1, 1).to(
        back
    )
    inside = (there.abs() <= 1).all(1, keepdim=True)
    return consistent * inside * looks_the_same(now, warp(before, back, grid=grid))


def looks_the_same(now: Tensor, before: Tensor) -> Tensor:
    """exp(−(d / 0.08)²) of the difference d of two photos (1, 3, H, W), 0..1, over 3×3; (1, 1, H, W), 0..1."""
    difference = (now - before).abs().mean(1, keepdim=True)
    difference = F.avg_pool2d(difference, 3, 1, 1, count_include_pad=False)
    return torch.exp(-(difference / PHOTOMETRIC_SIGMA).square())
