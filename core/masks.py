"""Soft masks: which pixels a style may touch, and how several styles share them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import ImageError
from .images import describe


def check_mask(mask: Tensor, name: str = "mask") -> Tensor:
    """Bring a mask to (B, 1, H, W), float, 0..1.

    Args:
        mask: (H, W), (B, H, W) or (B, 1, H, W); bool, integer 0/1 or floating point.
        name: How the message calls it.

    Raises:
        ImageError: Other shapes, or NaN.
    """
    if mask.ndim == 2:
        mask = mask[None, None]
    elif mask.ndim == 3:
        mask = mask[:, None]
    if mask.ndim != 4 or mask.shape[1] != 1 or 0 in mask.shape:
        raise ImageError(
            f"`{name}` is not a mask.",
            expected="(H, W), (B, H, W) or (B, 1, H, W), 0 = untouched, 1 = full",
            got=describe(mask),
            do="Wire a MASK output, or take one channel of a picture.",
        )
    mask = mask if mask.is_floating_point() else mask.float()
    if not torch.isfinite(mask).all():
        raise ImageError(f"`{name}` contains NaN.", expected="0..1", got="NaN", do="Find the node that made it.")
    return mask.clamp(0, 1)


def resize_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """(B, S, H, W) → (B, S, height, width): averaged when shrinking, bilinear when growing; stays in 0..1."""
    if mask.shape[-2:] == (height, width):
        return mask
    return F.interpolate(mask, (height, width), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def resize_mask_rows(mask: Tensor, size: tuple[int, int], first: int, stop: int) -> Tensor:
    """Rows `first` … `stop − 1` of `resize_mask(mask, *size)`, from the few rows of the mask that they depend on.

    The weights are those of torch's antialiased bilinear filter: a triangle, as wide as the mask is finer.

    Args:
        mask: (B, S, h, w), floating point, 0..1.
        size: Height and width of the whole.
        first: 0 ≤ first.
        stop: first < stop ≤ height.

    Returns:
        (B, S, stop − first, width), equal within rounding.
    """
    (height, width), own = size, mask.shape[-2]
    if own == height:
        rows = mask[:, :, first:stop]
    else:
        ratio = own / height
        support = max(ratio, 1.0)
        centres = (torch.arange(first, stop, dtype=torch.float64) + 0.5) * ratio
        # in Python: asking a tensor would wait for its device
        low = max(0, int((first + 0.5) * ratio - support))
        high = min(own, int((stop - 0.5) * ratio + support) + 1)
        distances = (torch.arange(low, high) + 0.5 - centres[:, None]).abs() / support
        weights = (1 - distances).clamp_min(0)
        weights = (weights / weights.sum(1, keepdim=True)).to(mask)
        rows = (weights @ mask[:, :, low:high]).clamp(0, 1)
    return resize_mask(rows, stop - first, width)


def convex(weights: Tensor) -> Tensor:
    """Make weights over styles (dim 1) non-negative with sum 1; where all are zero, all share equally.

    Args:
        weights: (B, S) or (B, S, H, W), finite.
    """
    weights = weights.clamp_min(0)
    total = weights.sum(1, keepdim=True)
    share = weights / total.clamp_min(torch.finfo(weights.dtype).tiny)
    return torch.where(total > 0, share, torch.full_like(weights, 1 / weights.shape[1]))


def composite(below: Tensor, above: Tensor, mask: Tensor) -> Tensor:
    """Below + mask · (above − below); exactly `below` where mask is 0 and exactly `above` where it is 1."""
    return torch.lerp(below, above, mask.to(below.dtype).expand_as(below))
