"""MSG-Net as passes over rows: pre-activation bottlenecks, whose first norm wants the statistics of their own input.

Zhang & Dana 2017, arXiv 1703.06953; see core/architectures/msg_net.py. A bottleneck is three passes: reduce, spatial,
expand with shortcut. What the bottlenecks hand on at half and quarter resolution is stored; at full resolution only
while memory allows, else it is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...architectures import StyleCode, StyleNetwork
from ...architectures._layers import Conv2d
from ...architectures.msg_net import Bottleneck, CoMatch, MsgNet
from .affine import normalization
from .convolution import ColourConvolution, Convolution, UpsampleConvolution
from .moments import Moments
from .passes import Run, Source
from .rows import Rows, copy
from .store import RowStore


@dataclass(frozen=True)
class Prepared:
    """A bottleneck's convolutions."""

    reduce: Convolution
    spatial: Convolution
    expand: Convolution
    shortcut: Convolution | None
    stride: int
    upsample: bool


@dataclass(frozen=True)
class Features:
    """What one bottleneck hands to the next."""

    rows: Callable[[], Rows]
    moments: Moments
    height: int
    width: int
    store: RowStore | None
    """Where the rows are, if they are not computed anew."""


class MsgNetProgram:
    """An MSG-Net prepared for streams."""

    def __init__(self, network: MsgNet, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.sum_dtype = torch.promote_types(dtype, torch.float32)

        def bottleneck(module: Bottleneck) -> Prepared:
            spatial = UpsampleConvolution if module.upsample else Convolution
            return Prepared(
                Convolution(module.reduce, dtype, centre=True),
                spatial(module.spatial, dtype, centre=True),
                Convolution(module.expand, dtype, centre=False),
                None if module.shortcut is None else Convolution(module.shortcut, dtype, centre=False),
                module.stride,
                module.upsample,
            )

        def sequence(modules: nn.Module) -> list[Prepared]:
            return [bottleneck(cast("Bottleneck", module)) for module in modules.children()]

        self.stem = Convolution(network.stem, dtype, centre=True)
        self.down, self.blocks, self.up = sequence(network.down), sequence(network.blocks), sequence(network.up)
        self.comatch: CoMatch = network.comatch
        self.output = ColourConvolution(cast("Conv2d", network.output), dtype, centre=False)

    @staticmethod
    def supports(network: StyleNetwork) -> bool:
        """Every MSG-Net of this pack."""
        return type(network) is MsgNet

    @property
    def passes(self) -> int:
        """How often rows go through `Meter`."""
        return 2 + 3 * (len(self.down) + len(self.blocks) + len(self.up)) + 1

    def stored_bytes(self, height: int, width: int, *, keep: bool) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        pixels, size, total = height * width, self.dtype.itemsize, 0.0
        scale = 1.0
        for prepared in self.down:
            scale /= prepared.stride**2
            total += pixels * scale * (prepared.expand.channels * self.sum_dtype.itemsize)
            total += pixels * scale * prepared.spatial.channels * size
        if keep:
            full = self.stem.channels + self.up[-1].expand.channels
            total += pixels * (full * self.sum_dtype.itemsize + self.up[-1].spatial.channels * size)
        return int(total), int(total)

    def rows(self, photo: Callable[[], Rows], height: int, width: int, run: Run, code: StyleCode) -> Rows:
        """Paint: rows (1, 3, r, ≥ width) in the network's range, at least `height` of them.

        Args:
            photo: Rows of the photo in the network's range, as often as they are asked for.
            height: Of the photo.
            width: Of the photo.
            run: Stores, progress.
            code: With weights (1, S).
        """
        x = self._enter(photo, height, width, run)
        for index, prepared in enumerate(self.down):
            after = partial(F.conv2d, weight=self._matching(code)) if index == len(self.down) - 1 else None
            x = self._bottleneck(f"down{index}", prepared, x, run, keep=run.keep or index > 0, store=True, after=after)
        for prepared in self.blocks:
            x = self._bottleneck("block", prepared, x, run, keep=True, store=True)
        for index, prepared in enumerate(self.up):
            last = index == len(self.up) - 1
            x = self._bottleneck(f"up{index}", prepared, x, run, keep=run.keep or not last, store=run.keep or not last)
        affine = normalization(None, x.moments, None, self.sum_dtype)
        stage = self.output.at(x.height, x.width)
        for block in run.meter.through(stage.rows(x.rows(), affine.write_relu), x.height):
            yield block.to(self.sum_dtype)

    def _enter(self, photo: Callable[[], Rows], height: int, width: int, run: Run) -> Features:
        """Stem, norm and ReLU, which the first bottleneck will normalize again."""
        stage = self.stem.at(height, width)
        source = run.normalized("stem", stage, None, Source(photo, copy))

        def activated() -> Rows:
            first, scratch = 0, None
            for block in source.rows():
                if scratch is None or scratch.shape != block.shape:
                    scratch = torch.empty_like(block, dtype=self.sum_dtype, memory_format=torch.channels_last)
                source.write(block, scratch, first)
                first += block.shape[2]
                yield scratch

        moments = Moments(stage.channels)
        for block in run.meter.through(activated(), height):
            moments.add(block)
        return Features(activated, moments, height, width, None)

    def _bottleneck(
        self,
        name: str,
        prepared: Prepared,
        x: Features,
        run: Run,
        *,
        keep: bool,
        store: bool,
        after: Callable[[Tensor], Tensor] | None = None,
    ) -> Features:
        """Three passes.

        Args:
            name: Of its stores.
            prepared: Its convolutions.
            x: Its input.
            run: Stores, progress.
            keep: Whether the two inner layers are stored.
            store: Whether the sum is.
            after: What else happens to the sum: CoMatch.
        """
        affine = normalization(None, x.moments, None, self.sum_dtype)
        reduce = prepared.reduce.at(x.height, x.width)
        source = run.normalized(f"{name}.a", reduce, None, Source(x.rows, affine.write_relu), keep=keep)
        spatial = prepared.spatial.at(x.height, x.width)
        source = run.normalized(f"{name}.b", spatial, None, source, keep=keep)
        expand = prepared.expand.at(spatial.out_height, spatial.out_width)

        def total() -> Rows:
            straight = self._shortcut(prepared, x)
            for block in expand.rows(source.rows(), source.write):
                # without a convolution on the way this is the store itself, and the sum is at once where it belongs
                y = straight.take(block.shape[2]).to(self.sum_dtype).add_(block)
                yield y if after is None else after(y)

        kept: RowStore | None = None
        if store:
            kept = x.store if prepared.shortcut is None and after is None else None
            kept = kept or run.store(f"{name}.x", expand, self.sum_dtype)
        moments = Moments(expand.channels)
        first = 0
        for block in run.meter.through(total(), expand.out_height):
            moments.add(block)
            if kept is not None:
                kept.write(first, block)
            first += block.shape[2]
        rows = total if kept is None else partial(run.stored, kept)
        return Features(rows, moments, expand.out_height, expand.out_width, kept)

    def _shortcut(self, prepared: Prepared, x: Features) -> RowReader:
        """The other summand's rows."""
        if prepared.shortcut is None:
            return RowReader(x.rows())
        rows = _subsampled(x.rows(), prepared.stride)
        height, width = -(-x.height // prepared.stride), -(-x.width // prepared.stride)
        rows = prepared.shortcut.at(height, width).rows(rows, copy)
        return RowReader(_doubled(rows) if prepared.upsample else rows)

    def _matching(self, code: StyleCode) -> Tensor:
        """CoMatch as a 1×1 convolution: Ŷ = (W G(S))ᵀ F   (eq. 9), (C, C, 1, 1)."""
        grams = code.features[0]
        gram = torch.einsum("s,sij->ij", code.weights[0].to(grams.dtype), grams)
        matrix = (self.comatch.weight.detach().to(gram.dtype) @ gram).T
        return matrix.to(self.sum_dtype)[:, :, None, None]  # its output's mean is many σ: not for half precision


class RowReader:
    """Rows by the number that is wanted, whatever the height of the blocks they come in."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Iterator[Tensor] = rows
        self._rest: Tensor | None = None

    def take(self, count: int) -> Tensor:
        """The next `count` rows."""
        parts: list[Tensor] = []
        while count:
            block = next(self._rows) if self._rest is None else self._rest
            part = block[:, :, :count]
            self._rest = block[:, :, count:] if block.shape[2] > count else None
            count -= part.shape[2]
            # the next block may be made in the same memory
            parts.append(part.clone(memory_format=torch.channels_last) if count else part)
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


def _subsampled(rows: Rows, stride: int) -> Rows:
    """Every `stride`-th row and column, from the first."""
    first = 0
    for block in rows:
        skip = -first % stride
        first += block.shape[2]
        if skip < block.shape[2]:
            yield block[:, :, skip::stride, ::stride]


def _doubled(rows: Rows) -> Rows:
    for block in rows:
        yield F.interpolate(block, scale_factor=2, mode="nearest")
