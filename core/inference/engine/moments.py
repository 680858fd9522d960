"""Mean and variance per channel, exact at every size: blocks in float32, their combination in float64."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...architectures._field import SMALLEST_REGION
from ...architectures._statistics import active_hook
from .affine import MapRows, precise

LANES = 1024
"""Neighbouring pixels are measured side by side, in so many sums at a time."""


class Statistics(NamedTuple):
    """What a layer is normalized by."""

    mean: Tensor
    """μ, (C,), float64."""
    inverse: Tensor
    """1 / √(σ² + ε), (C,), float64."""

    def smoothed(self) -> Statistics:
        """As whoever remembers the frames before wants them; themselves where no film is painted."""
        hook = active_hook()
        if hook is None:
            return self
        mean, deviation = hook(self.mean[None], self.inverse[None].reciprocal())
        return Statistics(mean[0], deviation[0].reciprocal())


class Moments:
    """Mean and variance of a layer whose rows come in blocks   (combined as in Chan, Golub, LeVeque 1983, eq. 2.1).

    PyTorch's normalization layers accumulate a whole channels_last picture in one float32 sum a channel: an error of
    0.19 σ at 4096². A block with few channels still has tens of thousands of values in each, 3e-6 σ off where they are
    all positive; as 1024 sums of a few hundred values each it is 1e-7 σ off, and needs down to a quarter of the time.
    """

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._means: list[Tensor] = []
        self._variances: list[Tensor] = []

    def add(self, block: Tensor) -> None:
        """Take in the next block (1, C, r, W), channels_last."""
        values = block.permute(0, 2, 3, 1).flatten(0, 2)  # (r · W, C), a view
        beside = max(1, LANES // values.shape[1])
        even = len(values) // beside * beside
        if even:
            self._measure(values[:even].unflatten(0, (-1, beside)))
        if even < len(values):
            self._measure(values[even:, None])

    def _measure(self, values: Tensor) -> None:
        """Take in (n, k, C): k · C sums of n values."""
        count, beside, channels = values.shape
        work = torch.promote_types(values.dtype, torch.float32)
        if values.device.type in ("cpu", "cuda"):
            side_by_side = values.reshape(1, 1, count, -1).permute(0, 3, 1, 2)
            # running statistics, which nobody reads, let those of half precision come in float32
            unread = values.new_zeros(2, beside * channels, dtype=work)
            mean, variance = torch.batch_norm_update_stats(side_by_side, unread[0], unread[1], 0.0)
        else:
            variance, mean = torch.var_mean(values.to(work), dim=0, correction=0)
        between, mean = torch.var_mean(mean.view(beside, channels), dim=0, correction=0)
        self._counts.append(count * beside)
        self._means.append(mean)
        self._variances.append(variance.view(beside, channels).mean(0) + between)

    @property
    def count(self) -> int:
        """Values a channel."""
        return sum(self._counts)

    def combined(self) -> tuple[Tensor, Tensor]:
        """Mean and biased variance, (C,) each, float64: the variance within the blocks and between them."""
        if len(self._counts) == 1:
            return precise(self._means[0]), precise(self._variances[0])
        means, variances = precise(torch.stack(self._means)), precise(torch.stack(self._variances))
        shares = torch.tensor(self._counts, dtype=torch.float64, device=means.device) / self.count
        mean = shares @ means
        return mean, shares @ (variances + (means - mean).square())

    @property
    def mean(self) -> Tensor:
        """(C,), float64."""
        return self.combined()[0]

    @property
    def variance(self) -> Tensor:
        """(C,), biased, float64."""
        return self.combined()[1]

    @property
    def unbiased_variance(self) -> Tensor:
        """(C,), with n − 1 in the denominator, float64."""
        return self.variance * self._unbiased

    def statistics(self, eps: float, correction: int) -> Statistics:
        """μ and 1/σ, of the unbiased variance where `correction` is 1."""
        mean, variance = self.combined()
        return Statistics(mean, (variance * (self._unbiased if correction else 1) + eps).rsqrt())

    @property
    def _unbiased(self) -> float:
        return self.count / max(1, self.count - 1)


class RegionalMoments(Moments):
    """Those of one region, every pixel by its share in it; of the picture where the region is too small for any.

    Args:
        maps: Shares of all regions.
        region: Which.
    """

    def __init__(self, maps: MapRows, region: int) -> None:
        super().__init__()
        self.maps, self.region = maps, region
        self._row = 0
        self._areas: list[Tensor] = []
        self._local: list[Tensor] = []
        self._spreads: list[Tensor] = []

    def add(self, block: Tensor) -> None:
        """Take in the next block (1, C, r, W), channels_last."""
        super().add(block)
        rows = block.shape[2]
        work = torch.promote_types(block.dtype, torch.float32)
        shares = self.maps(self._row, rows)[:, self.region].to(work)  # (r · W,)
        values = block.permute(0, 2, 3, 1).reshape(-1, block.shape[1]).to(work)
        area = shares.sum()
        mean = (shares @ values) / area.clamp_min(1e-12)
        self._areas.append(area)
        self._local.append(mean)
        self._spreads.append(shares @ (values - mean).square_())
        self._row += rows

    def statistics(self, eps: float, correction: int) -> Statistics:
        """μ and 1/σ, as `StyleField` takes them region by region."""
        areas = precise(torch.stack(self._areas))
        area, local = areas.sum(), precise(torch.stack(self._local))
        mean = areas @ local / area.clamp_min(SMALLEST_REGION)
        spread = precise(torch.stack(self._spreads)).sum(0) + areas @ (local - mean).square()
        inverse = (spread / (area - correction).clamp_min(SMALLEST_REGION - correction) + eps).rsqrt()
        whole, known = super().statistics(eps, correction), area >= SMALLEST_REGION
        return Statistics(torch.where(known, mean, whole.mean), torch.where(known, inverse, whole.inverse))
