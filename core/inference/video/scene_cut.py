"""Where one shot ends and another begins: the past must not shine through."""

from __future__ import annotations

from torch import Tensor

from ...color import luminance
from ...images import resize_image
from .flow import lucas_kanade_flow
from .warp import warp

THUMBNAIL_PX = 96
"""Longer side at which frames are compared."""


def cut_score(before: Tensor, now: Tensor) -> float:
    """How little of a frame the frame before explains.

    The frame before is moved along the flow between the two, as small pictures; the score is what then still differs,
    against how much there is to differ: Σ|now − moved| / Σ|now − its mean|, over the mean of both frames.

    Args:
        before: (1, 3, H, W), 0..1.
        now: Same shape.

    Returns:
        About 0 for the same picture, 1 for pictures that have nothing in common.
    """
    a, b = _thumbnail(now), _thumbnail(before)
    moved = warp(b, lucas_kanade_flow(a, b))
    left = luminance(a - moved).abs().mean()
    contrast = (_contrast(a) + _contrast(b)) / 2
    return float(left / (contrast + 0.01))


def _thumbnail(frame: Tensor) -> Tensor:
    height, width = frame.shape[-2:]
    ratio = min(1.0, THUMBNAIL_PX / max(height, width))
    return resize_image(frame.float(), max(1, round(height * ratio)), max(1, round(width * ratio)))


def _contrast(frame: Tensor) -> Tensor:
    grey = luminance(frame)
    return (grey - grey.mean()).abs().mean()
