"""Flicker of stylized films: how much the painting changes where the film does not."""

from __future__ import annotations

import math

from torch import Tensor

STILL = 3 / 255
"""A pixel that changes by no more than this in any channel of the film stands still."""


class Flicker:
    """Root mean square change of painted pixels from frame to frame, where the film stands still.

    The warping error of Lai et al. 2018 (arXiv 1808.00449, eq. 9) for a camera that does not move: the flow is zero,
    and pixels that change in the film are left out like occluded ones. Two frames are held at a time.
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
        if self._before is not None:
            change = (painted - self._before[0]).square().mean(1)
            still = ((film - self._before[1]).abs().amax(1) <= STILL).to(change.dtype)
            self._sum += float((change * still).sum())
            self._count += float(still.sum())
        self._before = (painted, film)

    @property
    def value(self) -> float:
        """0..1; NaN for a single frame or where nothing stands still."""
        return math.sqrt(self._sum / self._count) if self._count else math.nan
