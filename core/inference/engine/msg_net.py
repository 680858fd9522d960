"""MSG-Net as passes over rows: pre-activation bottlenecks, whose first norm wants the statistics of their own input.

Zhang & Dana 2017, arXiv 1703.06953; see core/architectures/msg_net.py. A bottleneck is three passes: reduce, spatial,
expand with shortcut. What the bottlenecks hand on at half and quarter resolution is stored; at full resolution only
while memory allows, else it is computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...architectures import StyleCode, StyleNetwork
from ...architectures._layers import Conv2d
from ...architectures._mixing import mix_codes
from ...architectures.comatch import CoMatch
from ...architectures.msg_net import Bottleneck, MsgNet
from .affine import Affine, Scaling
from .comatch import comatch_matrices, matched_rows
from .convolution import ColourConvolution, Convolution, Stage, UpsampleConvolution, chained
from .maps import Maps
from .moments import Moments
from .norms import Norms
from .passes import Run, Source
from .places import Places, runs_by_place
from .rows import RowReader, Rows, copy
from .store import RowStore
from .winograd import fastest


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
    moments: Moments | None
    """Where the run measures."""
    height: int
    width: int
    store: RowStore | None
    """Where the rows are, if they are not computed anew."""


class MsgNetProgram:
    """An MSG-Net prepared for streams."""

    def __init__(self, network: MsgNet, dtype: torch.dtype) -> None:
        self.multiple = 1
        """Of what height and width must be."""
        self.dtype = dtype
        self.sum_dtype = torch.promote_types(dtype, torch.float32)

        def bottleneck(module: Bottleneck) -> Prepared:
            spatial = UpsampleConvolution if module.upsample else fastest
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

    def passes(self, runs: int, *, regional: bool) -> int:
        """How often rows go through `Meter`."""
        encode, decode = 2 + 3 * len(self.down), 1 + 3 * (len(self.blocks) + len(self.up))
        shared = 1 + len(self.blocks) + len(self.up) + regional * len(self.down) if runs > 1 else 0
        return (runs if regional else 1) * encode + runs * decode + shared + 1

    def stored_bytes(self, height: int, width: int, *, keep: bool, half: bool = False) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        pixels, size, total = float(height * width), self.dtype.itemsize, 0.0

        def bottleneck(prepared: Prepared, *, inner: bool, outer: bool) -> float:
            nonlocal pixels
            before = pixels
            pixels = pixels * 4 if prepared.upsample else pixels / prepared.stride**2
            layers = before * prepared.reduce.channels + pixels * prepared.spatial.channels
            summed = pixels * prepared.expand.channels * self.sum_dtype.itemsize
            return inner * layers * size + outer * summed

        total += keep * pixels * self.stem.channels * size
        for index, prepared in enumerate(self.down):
            total += bottleneck(prepared, inner=keep or index > 0, outer=True)
        for prepared in self.blocks[:1]:  # all in the same stores
            total += bottleneck(prepared, inner=True, outer=False)
        for index, prepared in enumerate(self.up):
            kept = keep or index < len(self.up) - 1
            total += bottleneck(prepared, inner=kept, outer=kept)
        return int(total), int(total)

    def working_bytes(self, height: int, width: int) -> int:
        """Bytes of windows and blocks beside the stores, where layers are computed again."""

        def bottleneck(prepared: Prepared, size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
            first, _ = chained([prepared.reduce], size)
            second, size = chained([prepared.spatial], size)
            shortcut = [] if prepared.shortcut is None else [prepared.shortcut]
            return first + second + chained([prepared.expand], size)[0] + chained(shortcut, size)[0], size

        stem, size = chained([self.stem], (height, width))
        first, size = bottleneck(self.down[0], size)
        most, last = first + 3 * stem, 0  # the stem for the shortcut as well, and normalized twice
        for prepared in (*self.down[1:], *self.blocks, *self.up):
            last, size = bottleneck(prepared, size)
            most = max(most, last)
        # two streams are added: their blocks are cut and put together again
        return 2 * max(most, last + chained([self.output], size)[0])

    def paint(
        self,
        photo: Callable[[], Rows],
        size: tuple[int, int],
        run: Run,
        code: StyleCode | None,
        places: Places | None,
    ) -> Rows:
        """Paint: rows (1, 3, r, ≥ width) in the network's range, at least `height` of them.

        Args:
            photo: Rows of the photo in the network's range, as often as they are asked for.
            size: Height and width of the photo.
            run: Stores, progress.
            code: With weights (1, S), if `places` is None.
            places: Of the styles; None: everywhere the same.
        """
        if code is None:
            raise TypeError("MSG-Net needs the features of a style picture")
        weights = code.weights[0] if places is None else None
        (grams,) = code.features if places is None else places.features
        if weights is not None:
            grams = mix_codes(weights[None], grams)
        # the output's mean is many σ: not for half precision
        matrices = comatch_matrices(self.comatch, grams, self.sum_dtype)
        if places is None:
            return self._decode(self._encode(photo, size, run), run, matrices, None)
        # in front of CoMatch nothing depends on the style but the statistics of regions
        encoded = None if places.regional else self._encode(photo, size, run)
        maps = places.maps()

        def finish(norms: Norms) -> Rows:
            own = replace(run, norms=norms)
            return self._decode(encoded or self._encode(photo, size, own), own, matrices, maps)

        return runs_by_place(finish, maps, regional=places.regional)

    def _encode(self, photo: Callable[[], Rows], size: tuple[int, int], run: Run) -> Features:
        """What CoMatch takes, stored."""
        x = self._enter(photo, *size, run)
        for index, prepared in enumerate(self.down):
            keep = run.keep or index > 0
            affine = self._normalized(x, run)
            x = self._bottleneck(f"down{index}", prepared, x, affine, run, keep=keep, store=True)
        return x

    def _decode(self, encoded: Features, run: Run, matrices: list[Tensor], maps: Maps | None) -> Rows:
        """CoMatch and what follows: all passes but the last, which is made when the rows are asked for."""
        x = self._match(encoded, run, matrices, maps)
        for prepared in self.blocks:
            affine = self._normalized(x, run)
            x = self._bottleneck("block", prepared, x, affine, run, keep=True, store=True)
        for index, prepared in enumerate(self.up):
            keep = run.keep or index < len(self.up) - 1
            affine = self._normalized(x, run)
            x = self._bottleneck(f"up{index}", prepared, x, affine, run, keep=keep, store=keep)
        affine = self._normalized(x, run)
        return self._painted(self.output.at(x.height, x.width), x, affine, run)

    def _painted(self, stage: Stage, x: Features, affine: Affine, run: Run) -> Rows:
        for block in run.meter.through(stage.rows(x.rows(), affine.write_relu), x.height):
            yield block.to(self.sum_dtype)

    def _normalized(self, x: Features, run: Run) -> Affine:
        """The norm in front of a bottleneck."""
        return run.norms.affine(Scaling(), x.moments, (x.height, x.width), self.sum_dtype, None)

    def _moments(self, size: tuple[int, int], run: Run) -> Moments | None:
        return run.norms.moments(size) if run.norms.measures else None

    def _match(self, x: Features, run: Run, matrices: list[Tensor], maps: Maps | None) -> Features:
        """CoMatch: Ŷ = (W G(S))ᵀ F   (eq. 9), of one style or of all in their places."""
        size, region = (x.height, x.width), run.norms.region
        shares = None if maps is None or region is not None else maps.at(*size)
        matrices = matrices[region or 0 :] if shares is None else matrices

        def matched() -> Rows:
            return matched_rows(x.rows(), matrices, shares)

        assert x.store is not None  # noqa: S101 - `_encode` stores
        # where other styles follow, the features are needed again
        store = x.store if maps is None else run.workspace.rows("matched", x.store.channels, *size, self.sum_dtype)
        moments = self._moments(size, run)
        run.consume(matched(), x.height, moments, store)
        return Features(partial(run.stored, store), moments, *size, store)

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

        moments = self._moments((height, width), run)
        if moments is not None:
            run.consume(activated(), height, moments, None)
        return Features(activated, moments, height, width, None)

    def _bottleneck(
        self,
        name: str,
        prepared: Prepared,
        x: Features,
        affine: Affine,
        run: Run,
        *,
        keep: bool,
        store: bool,
    ) -> Features:
        """Three passes.

        Args:
            name: Of its stores.
            prepared: Its convolutions.
            x: Its input.
            affine: The norm in front of it.
            run: Stores, progress.
            keep: Whether the two inner layers are stored.
            store: Whether the sum is.
        """
        reduce = prepared.reduce.at(x.height, x.width)
        source = run.normalized(f"{name}.a", reduce, None, Source(x.rows, affine.write_relu), keep=keep)
        spatial = prepared.spatial.at(x.height, x.width)
        source = run.normalized(f"{name}.b", spatial, None, source, keep=keep)
        expand = prepared.expand.at(spatial.out_height, spatial.out_width)

        def total() -> Rows:
            straight = self._shortcut(prepared, x)
            for block in expand.rows(source.rows(), source.write):
                # without a convolution on the way this is the store itself, and the sum is at once where it belongs
                yield straight.take(block.shape[2]).to(self.sum_dtype).add_(block)

        kept: RowStore | None = None
        if store:
            kept = x.store if prepared.shortcut is None else run.store(f"{name}.x", expand, self.sum_dtype)
        size = (expand.out_height, expand.out_width)
        moments = self._moments(size, run)
        if moments is not None or kept is not None:
            run.consume(total(), size[0], moments, kept)
        rows = total if kept is None else partial(run.stored, kept)
        return Features(rows, moments, *size, kept)

    def _shortcut(self, prepared: Prepared, x: Features) -> RowReader:
        """The other summand's rows."""
        if prepared.shortcut is None:
            return RowReader(x.rows())
        rows = _subsampled(x.rows(), prepared.stride)
        height, width = -(-x.height // prepared.stride), -(-x.width // prepared.stride)
        rows = prepared.shortcut.at(height, width).rows(rows, copy)
        return RowReader(_doubled(rows) if prepared.upsample else rows)


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
