"""Local means, borders repeated."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def box_mean(x: Tensor, radius: int) -> Tensor:
    """Mean over a square of 2 · radius + 1, (B, C, H, W) → the same shape.

    By sums of shifted copies, whose number grows with the logarithm of the radius: `avg_pool2d` is not vectorised on
    the CPU and took three quarters of the flow's time.
    """
    size = 2 * radius + 1
    x = F.pad(x, (radius,) * 4, mode="replicate")
    return _window_sum(_window_sum(x, size, 3), size, 2) * (1 / size**2)


def triangle_mean(x: Tensor, radius: int) -> Tensor:
    """The box twice. Unlike the box's, its frequency response is nowhere negative: it inverts no detail."""
    return box_mean(box_mean(x, radius), radius)


def _window_sum(x: Tensor, size: int, dim: int) -> Tensor:
    """Sums over windows along one dimension, which gets shorter by `size` − 1."""
    length = x.shape[dim] - size + 1
    total: Tensor | None = None
    start, width = 0, 1
    power = x  # sums over windows of `width`
    while width <= size:
        if size & width:
            part = power.narrow(dim, start, length)
            total = part if total is None else total + part
            start += width
        width *= 2
        if width <= size:
            kept = power.shape[dim] - width // 2
            power = power.narrow(dim, 0, kept) + power.narrow(dim, width // 2, kept)
    assert total is not None  # noqa: S101 - size is at least 1
    return total
