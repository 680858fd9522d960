"""How the layers of a run are normalized: by its own statistics, or by those that runs of single styles had before.

Styles in their places keep the statistics of runs of their own (core/architectures/_field.py, docs/adr/0008). So each
style runs first and its statistics are noted, two numbers a channel; the run that paints needs no others, and no
pass that measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ...architectures._layers import BatchNorm
from .affine import Affine, BlendedAffine, Scaling, of_training_set, precise
from .convolution import Stage
from .maps import Maps
from .moments import Moments, RegionalMoments, Statistics

Size = tuple[int, int]
"""Height and width."""


class Norms(Protocol):
    """Asked by every layer in turn."""

    @property
    def measures(self) -> bool:
        """Whether `affine` wants moments."""
        ...

    @property
    def region(self) -> int | None:
        """Which style paints; None: all, in their places."""
        ...

    def moments(self, size: Size) -> Moments:
        """Empty moments for features of this size."""
        ...

    def centre(self, stage: Stage) -> None:
        """Before the next layer's convolution runs: may choose its bias."""
        ...

    def affine(
        self, scaling: Scaling | BatchNorm, moments: Moments | None, size: Size, dtype: torch.dtype, bias: Tensor | None
    ) -> Affine:
        """The next layer's normalization.

        Args:
            scaling: γ and β of the K styles.
            moments: Of its input, where `measures`.
            size: Of its input.
            dtype: Of the arithmetic.
            bias: (C,), what the convolution in front has added, known by `centre`; None: nothing.
        """
        ...


class OwnNorms:
    """One style, or one mix, by the statistics of its own run.

    Args:
        region: Which of K styles.
        maps: For statistics of its region only; None: of the whole picture.
    """

    measures = True

    def __init__(self, region: int = 0, maps: Maps | None = None) -> None:
        self.region, self.maps = region, maps
        self.known: list[Statistics] = []
        """Of the layers so far, without what their convolutions added as bias."""

    def moments(self, size: Size) -> Moments:
        """See `Norms`."""
        return Moments() if self.maps is None else RegionalMoments(self.maps.at(*size), self.region)

    def centre(self, stage: Stage) -> None:
        """The convolution looks at its first rows."""

    def affine(
        self, scaling: Scaling | BatchNorm, moments: Moments | None, size: Size, dtype: torch.dtype, bias: Tensor | None
    ) -> Affine:
        """See `Norms`."""
        if isinstance(scaling, BatchNorm):
            return of_training_set(scaling, dtype)
        assert moments is not None  # noqa: S101 - the programs measure before they normalize
        mean, inverse = moments.statistics(scaling.eps, scaling.correction)
        added = 0.0 if bias is None else precise(bias)
        statistics = Statistics(mean - added, inverse).smoothed()
        self.known.append(statistics)
        return Affine(*scaling.of(self.region, statistics.mean + added, statistics.inverse), dtype)


class SharedNorms:
    """All styles in their places, by the statistics that each had in its own run.

    Args:
        known: Of each style's run.
        maps: Shares of the styles.
    """

    measures = False
    region = None

    def __init__(self, known: Sequence[Sequence[Statistics]], maps: Maps) -> None:
        self.maps = maps
        self._layers = list(zip(*known, strict=True))
        self._done = 0

    def moments(self, size: Size) -> Moments:
        """Nothing is measured here."""
        raise NotImplementedError

    def centre(self, stage: Stage) -> None:
        """By the means that are known already, so that what half precision rounds is small."""
        if stage.conv.centre:
            means = torch.stack([statistics.mean for statistics in self._layers[self._done]])
            stage.bias = -(self.maps.shares @ means).to(stage.conv.weight)

    def affine(
        self, scaling: Scaling | BatchNorm, moments: Moments | None, size: Size, dtype: torch.dtype, bias: Tensor | None
    ) -> Affine:
        """See `Norms`."""
        if isinstance(scaling, BatchNorm):
            return of_training_set(scaling, dtype)
        added = 0.0 if bias is None else precise(bias)
        styles = enumerate(self._layers[self._done])
        self._done += 1
        of_styles = [scaling.of(k, mean + added, inverse) for k, (mean, inverse) in styles]
        scales, shifts = (torch.stack(values) for values in zip(*of_styles, strict=True))
        return BlendedAffine(scales, shifts, self.maps.at(*size), dtype)
