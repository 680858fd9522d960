"""Residual blocks over two stores: their sum x, and the layer y that is being computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from .affine import Affine, Norm, Scaling
from .convolution import Convolution
from .passes import Run, Source
from .rows import Rows, copy
from .store import RowStore


class Trunk:
    """The sum x of the residual blocks. What the last block adds is added when x is next read.

    Args:
        x: The store, filled.
        first: What its rows still need: (rows, first row) → changed in place.
        size: Height and width.
    """

    def __init__(self, x: RowStore, first: Callable[[Tensor, int], None], size: tuple[int, int]) -> None:
        self.x, self.size = x, size
        self._pending: Callable[[Tensor, int], None] | None = first

    def residual(
        self, block: Sequence[tuple[Convolution, Norm | Scaling]], run: Run, dtype: torch.dtype, name: str = "y"
    ) -> None:
        """One residual block, up to its last convolution; the addition waits for the next pass over x.

        Args:
            block: Convolutions of stride 1 with their normalizations, a ReLU between each two.
            run: Stores, norms, progress.
            dtype: Of the addition.
            name: Of the store of y; each layer is written over the one that it is computed from, since rows are read
                ahead of where they are written.
        """
        source, y = Source(lambda: self.rows(run), copy), None
        for index, (conv, norm) in enumerate(block):
            stage = conv.at(*self.size)
            if y is None or y.channels != stage.channels:
                y = run.store(f"{name}{stage.channels}", stage)
            last = index == len(block) - 1
            affine = run.convolved(stage, norm, source, y, dtype if last else run.dtype)
            source = Source(partial(run.stored, y), affine.write_relu)
            if last:
                self._add(y, affine)

    def rows(self, run: Run) -> Rows:
        """All rows of x; the first time they are brought up to date."""
        pending, first = self._pending, 0
        for block in run.stored(self.x):
            if pending is not None:
                pending(block, first)
                self.x.write(first, block)
            first += block.shape[2]
            yield block
        self._pending = None

    def _add(self, y: RowStore, affine: Affine) -> None:
        """Remember x += affine(y)."""
        self._pending = lambda x, first: affine.add_to(x, y.read(first, x.shape[2]), first)
