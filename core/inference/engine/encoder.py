"""The encoder of AdaIN's networks as one stream of rows: no normalization stops it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from ...architectures.vgg import VGGFeatures
from .convolution import Convolution
from .moments import Moments
from .rows import Rows, Write, as_rows, copy, relu
from .store import RowStore

Tap = Callable[[Rows], Rows]
"""What happens to a layer's rows, after their ReLU, on the way to the next layer."""


class Encoder:
    """A VGG's convolutions prepared for streams."""

    def __init__(self, network: VGGFeatures, dtype: torch.dtype) -> None:
        self.dtype, self.normalization = dtype, network.config.normalization
        self.ceil_pool = network.config.ceil_pool
        self.colours = Convolution(network.conv0, dtype, centre=False) if network.config.input_conv else None
        self.last = network.names[-1]
        """The deepest layer."""
        self.layers: dict[str, tuple[Convolution, bool]] = {}
        """By name: convolution, and whether a pooling goes before."""
        for name in network.names:
            conv = cast("nn.Conv2d", network.get_submodule("conv" + name[4:]))
            pooled = name[4] != "1" and name.endswith("_1")
            self.layers[name] = (Convolution(conv, dtype, centre=False), pooled)

    @property
    def channels(self) -> int:
        """Of the deepest layer."""
        return self.layers[self.last][0].channels

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """Height and width of every layer's output for a photo of this size."""
        size, sizes = (height, width), {}
        for name, (_, pooled) in self.layers.items():
            if pooled:
                size = (self._halved(size[0]), self._halved(size[1]))
            sizes[name] = size
        return sizes

    def rows(
        self,
        photo: Callable[[], Rows],
        size: tuple[int, int],
        last: str | None = None,
        taps: dict[str, Tap] | None = None,
    ) -> Rows:
        """Features of a layer after its ReLU.

        Args:
            photo: Rows of the photo, RGB in 0..1.
            size: Height and width of the photo; where pooling rounds down, multiples of the stride.
            last: The layer; None: the deepest.
            taps: By layer.
        """
        last, taps = last or self.last, taps or {}
        rows = (as_rows(self.normalization.encode(block), self.dtype) for block in photo())
        write: Write = copy
        if self.colours is not None:
            rows = self.colours.at(*size).rows(rows, write)
        for name, (conv, pooled) in self.layers.items():
            if pooled:
                rows = _max_pooled(rows, ceil=self.ceil_pool)
                size = (self._halved(size[0]), self._halved(size[1]))
            rows, write = conv.at(*size).rows(rows, write), relu
            if name == last or name in taps:
                rows, write = _activated(rows), copy
                rows = taps[name](rows) if name in taps else rows
            if name == last:
                break
        return rows

    def _halved(self, side: int) -> int:
        return -(-side // 2) if self.ceil_pool else side // 2


def tap(moments: Moments, store: RowStore | None) -> Tap:
    """Measure rows, and keep them."""

    def through(rows: Rows) -> Rows:
        first = 0
        for block in rows:
            moments.add(block)
            if store is not None:
                store.write(first, block)
            first += block.shape[2]
            yield block

    return through


def _activated(rows: Rows) -> Rows:
    for block in rows:
        yield block.clamp_min_(0)


def _max_pooled(rows: Rows, *, ceil: bool) -> Rows:
    """2×2 maxima; an odd last row is kept where `ceil`, as is an odd last column."""
    pool = partial(F.max_pool2d, kernel_size=2, stride=2, ceil_mode=ceil)
    odd = None
    for block in rows:
        if odd is not None:
            block = torch.cat([odd, block], 2)
        even = block.shape[2] // 2 * 2
        odd = block[:, :, even:].clone() if even < block.shape[2] else None
        if even:
            yield pool(block[:, :, :even])
    if odd is not None and ceil:
        yield pool(odd)
