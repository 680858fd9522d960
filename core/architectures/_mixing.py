"""Several style pictures at once: values mixed by weights, and masks at the resolution of features."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..masks import resize_mask
from ._base import StyleCode


def style_maps(weights: Tensor, size: tuple[int, int], *, dtype: torch.dtype) -> Tensor:
    """Bring pixel masks to the resolution of features, which may reach beyond the picture on the right and below.

    Pixels per feature are a power of two: 17 pixels and 3 features make it 8, and the last feature sees fewer.

    Args:
        weights: (B or 1, S, H, W), convex over S.
        size: Height and width of the features.
        dtype: Of the result.

    Returns:
        (B or 1, S, h, w), convex over S.
    """
    height, width = weights.shape[-2:]
    weights = weights.to(torch.promote_types(dtype, torch.float32))
    stride = 2 ** max(0, math.ceil(math.log2(max(height / size[0], width / size[1]))))
    covered = (max(0, stride * size[1] - width), max(0, stride * size[0] - height))
    weights = F.pad(weights, (0, covered[0], 0, covered[1]), mode="replicate")
    return resize_mask(weights, *size).to(dtype)


def mix(weights: Tensor, values: Tensor) -> Tensor:
    """Σ_s w_s v_s per channel.

    Args:
        weights: (B or 1, S).
        values: (S, C).

    Returns:
        (B or 1, C, 1, 1), in the dtype of `values`.
    """
    return (weights.to(values.dtype) @ values)[:, :, None, None]


def mix_codes(weights: Tensor, values: Tensor) -> Tensor:
    """Σ_s w_s v_s of values of any shape, not rounded by autocast.

    Args:
        weights: (B or 1, S).
        values: (S, …).

    Returns:
        (B or 1, …), in the dtype of `values`.
    """
    with torch.autocast(values.device.type, enabled=False):
        return torch.einsum("bs,s...->b...", weights.to(values), values)


def need_style(style: StyleCode | None, name: str) -> StyleCode:
    """`style`, which a network driven by pictures cannot do without; see `StyleCode.without_uniform_masks`."""
    if style is None or not style.features:
        raise TypeError(f"{name} needs a StyleCode with the features of at least one style picture")
    return style.without_uniform_masks()
