"""Several style pictures at once: per-style values mixed by weights, for the whole picture or per pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..masks import resize_mask
from ._base import StyleCode


def style_maps(weights: Tensor, size: tuple[int, int], stride: int, dtype: torch.dtype) -> Tensor:
    """Bring pixel masks to the resolution of features that pool `stride` pixels, rounding up at the borders.

    Args:
        weights: (B or 1, S, H, W), convex over S.
        size: Height and width of the features.
        stride: Pixels per feature; the last feature of a row may see fewer.
        dtype: Of the result.

    Returns:
        (B or 1, S, h, w), convex over S.
    """
    height, width = weights.shape[-2:]
    weights = weights.to(torch.promote_types(dtype, torch.float32))
    weights = F.pad(weights, (0, -width % stride, 0, -height % stride), mode="replicate")
    return resize_mask(weights, *size).to(dtype)


def mix(weights: Tensor, values: Tensor) -> Tensor:
    """Σ_s w_s v_s per channel.

    Args:
        weights: (B or 1, S), or (B or 1, S, h, w) at the resolution of the features.
        values: (S, C).

    Returns:
        (B or 1, C, 1, 1) or (B or 1, C, h, w), in the dtype of `values`.
    """
    weights = weights.to(values.dtype)
    if weights.ndim == 2:
        return (weights @ values)[:, :, None, None]
    return torch.einsum("bshw,sc->bchw", weights, values)


def need_style(style: StyleCode | None, name: str) -> StyleCode:
    """`style`, which a network driven by pictures cannot do without."""
    if style is None or not style.features:
        raise TypeError(f"{name} needs a StyleCode with the features of at least one style picture")
    return style
