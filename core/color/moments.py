"""Mean and covariance of colours that come in blocks of rows."""

from __future__ import annotations

import torch
from torch import Tensor


class ColorMoments:
    """Sums over the pixels of one picture, in float64: at values of the size of 1 they lose nothing at any area."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = torch.zeros(3, dtype=torch.float64)
        self._products = torch.zeros(3, 3, dtype=torch.float64)

    def add(self, block: Tensor) -> None:
        """Take in (1, 3, r, W), on the CPU."""
        pixels = block[0].flatten(1).double()
        self._count += pixels.shape[1]
        self._sum += pixels.sum(1)
        self._products += pixels @ pixels.mT

    @property
    def mean(self) -> Tensor:
        """(3,), float64."""
        return self._sum / self._count

    @property
    def covariance(self) -> Tensor:
        """(3, 3), biased, float64."""
        return self._products / self._count - torch.outer(self.mean, self.mean)
