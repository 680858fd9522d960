"""Flicker of stylized films: how much the painting of a thing changes from frame to frame."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from ..images import shrink_longer_side
from ..inference.video.flow import lucas_kanade_flow
from ..inference.video.warp import confidence, resize_flow, warp

FLOW_SIDE_PX = 640
"""Motion is estimated on frames scaled down to this longer side."""
TRUSTED = 0.5
"""Of `confidence`: what counts as seen in both frames."""


class Flicker:
    """Root of the warping error: how much painted things change from frame to frame, wherever they move to.

    Lai et al. 2018 (arXiv 1808.00449, eq. 9), with our own optical flow of the film: the painting before is moved along
    it and compared, over the pixels that can be seen in both frames. Two frames are held at a time.
    """

    def __init__(self) -> None:
        self._before: tuple[Tensor, Tensor] | None = None
        self._sum, self._count = 0.0, 0.0

    def add(self, painted: Tensor, film: Tensor) -> None:
        """The next frame.

        Args:
            painted: (1, 3, H, W), 0..1.
            film: What was painted, the same shape.
        """
        small = shrink_longer_side(film, FLOW_SIDE_PX)
        if self._before is not None and self._before[1].shape == small.shape:
            before, small_before = self._before
            height, width = painted.shape[-2:]
            back, forth = lucas_kanade_flow(small, small_before), lucas_kanade_flow(small_before, small)
            trust = confidence(small, small_before, back, forth)
            seen = F.interpolate(trust, (height, width), mode="bilinear", align_corners=False) > TRUSTED
            moved = warp(before, resize_flow(back, height, width), mode="bicubic")
            change = (painted - moved).square().mean(1, keepdim=True)
            self._sum += float(change[seen].double().sum())
            self._count += float(seen.sum())
        self._before = (painted, small)

    @property
    def value(self) -> float:
        """0..1; NaN for a single frame or where nothing is seen twice."""
        return math.sqrt(self._sum / self._count) if self._count else math.nan
