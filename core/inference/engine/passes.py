"""What programs are made of: sources of rows that can be run through again, and passes that measure or store them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ...architectures._layers import ConditionalInstanceNorm, InstanceNorm
from ..memory import give_back_freed_memory
from .affine import Affine, Norm, Scaling, scaling_of
from .convolution import Stage
from .moments import Moments
from .norms import Norms
from .rows import Rows, Write
from .store import RowStore, Workspace, stored_rows


@dataclass(frozen=True)
class Source:
    """A layer's output as the next layer takes it."""

    rows: Callable[[], Rows]
    """From the top, again and again: from a store, or computed anew."""
    write: Write
    """What the rows become on the way in: normalization and ReLU."""


class Meter:
    """Counts passes over the picture, and tells the caller after every block; what that raises ends the run.

    Args:
        passes: How many there will be.
        progress: Called with the share of the work that is done, 0..1.
        tidy: Whether freed memory goes back to the system after every pass: for runs that hold a bound.
    """

    def __init__(self, passes: int, progress: Callable[[float], None] | None, *, tidy: bool = False) -> None:
        self.passes, self.progress, self.tidy, self.done = passes, progress, tidy, 0

    def through(self, rows: Rows, height: int) -> Rows:
        """Pass rows on and report them."""
        seen = 0
        for block in rows:
            yield block
            seen += block.shape[2]
            if self.progress is not None:
                self.progress(min(1.0, (self.done + seen / height) / self.passes))
        self.done += 1
        if self.tidy:
            give_back_freed_memory()


@dataclass(frozen=True)
class Run:
    """What all passes of one picture share."""

    workspace: Workspace
    meter: Meter
    keep: bool
    """Whether full-size layers are kept in the workspace, or computed again wherever they are needed."""
    half: bool
    """Whether, where they are computed again, those at half resolution are kept."""
    styles: Tensor | None
    """For conditional networks: weights (K, S) of what is painted, one mix or K in their places."""
    dtype: torch.dtype
    """Of the arithmetic."""
    norms: Norms
    """Whose statistics the layers are normalized by."""

    def store(self, name: str, stage: Stage, dtype: torch.dtype | None = None) -> RowStore:
        """Room for a stage's output."""
        return self.workspace.rows(name, stage.channels, stage.out_height, stage.out_width, dtype or self.dtype)

    def stored(self, store: RowStore) -> Rows:
        """All rows of a store."""
        return stored_rows(store, self.dtype.itemsize, self.workspace.device)

    def normalized(
        self, name: str, stage: Stage, norm: Norm | Scaling | None, before: Source, *, keep: bool | None = None
    ) -> Source:
        """Convolve, measure where the normalization wants it, and normalize: the source for the next layer.

        Args:
            name: Of the store, where the run keeps layers that had to be computed as a whole anyway.
            stage: The convolution.
            norm: What follows it, None for instance norm without affine; a ReLU follows that.
            before: Its input.
            keep: Whether it is stored; None: as the run says.
        """

        def compute() -> Rows:
            return stage.rows(before.rows(), before.write)

        self.norms.centre(stage)
        moments, rows = None, compute
        if stage.conv.centre and self.norms.measures:
            store = self.store(name, stage) if (self.keep if keep is None else keep) else None
            moments = self.measure(stage, compute(), store)
            if store is not None:
                rows = partial(self.stored, store)
        return Source(rows, self.affine(norm, stage, moments).write_relu)

    def convolved(
        self, stage: Stage, norm: Norm | Scaling | None, before: Source, store: RowStore, dtype: torch.dtype
    ) -> Affine:
        """Convolve into a store and measure: what normalizes the rows there.

        Args:
            stage: The convolution.
            norm: What follows it, None for instance norm without affine.
            before: Its input.
            store: Where the output goes.
            dtype: Of the normalization's arithmetic.
        """
        self.norms.centre(stage)
        moments = self.measure(stage, stage.rows(before.rows(), before.write), store)
        return self.affine(norm, stage, moments, dtype)

    def affine(
        self, norm: Norm | Scaling | None, stage: Stage, moments: Moments | None, dtype: torch.dtype | None = None
    ) -> Affine:
        """The normalization of a convolution's output, whose moments were measured if anything's were."""
        scaling = scaling_of(norm, self.styles) if isinstance(norm, InstanceNorm | ConditionalInstanceNorm) else norm
        size = (stage.out_height, stage.out_width)
        return self.norms.affine(scaling or Scaling(), moments, size, dtype or self.dtype, stage.bias)

    def measure(self, stage: Stage, rows: Rows, store: RowStore | None) -> Moments | None:
        """One pass: moments of the rows where a normalization needs them, and the rows into a store."""
        wanted = stage.conv.centre and self.norms.measures
        moments = self.norms.moments((stage.out_height, stage.out_width)) if wanted else None
        self.consume(rows, stage.out_height, moments, store)
        return moments

    def consume(self, rows: Rows, height: int, moments: Moments | None, store: RowStore | None) -> None:
        """One pass over rows, into moments and a store."""
        first = 0
        for block in self.meter.through(rows, height):
            if moments is not None:
                moments.add(block)
            if store is not None:
                store.write(first, block)
            first += block.shape[2]
