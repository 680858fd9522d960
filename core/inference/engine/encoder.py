"""The encoder of AdaIN's networks as one stream of rows: no normalization stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ...architectures._layers import Conv2d
from ...architectures.vgg import VGGFeatures
from .affine import precise
from .convolution import Convolution, chained
from .moments import Moments
from .rows import Rows, Write, as_rows, relu
from .rows import copy as unchanged
from .store import RowStore
from .winograd import fastest

Tap = Callable[[Rows], Rows]
"""What happens to a layer's rows, after their ReLU, on the way to the next layer."""


class Encoder:
    """A VGG's convolutions prepared for streams."""

    def __init__(self, network: VGGFeatures, dtype: torch.dtype) -> None:
        self.dtype, self.normalization = dtype, network.config.normalization
        self.ceil_pool = network.config.ceil_pool
        self.colours = None
        self.last = network.names[-1]
        """The deepest layer."""
        self.layers: dict[str, tuple[Convolution, bool]] = {}
        """By name: convolution, and whether a pooling goes before."""
        for name in network.names:
            conv = cast("Conv2d", network.get_submodule("conv" + name[4:]))
            if network.config.input_conv and name == network.names[0]:
                if network.config.padding == "zero":  # zeros around what that convolution gives
                    self.colours = Convolution(network.conv0, dtype, centre=False)
                else:
                    conv = _joined(network.conv0, conv)
            pooled = name[4] != "1" and name.endswith("_1")
            self.layers[name] = (fastest(conv, dtype, centre=False), pooled)

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
        write: Write = unchanged
        if self.colours is not None:
            rows = self.colours.at(*size).rows(rows, write)
        for name, (conv, pooled) in self.layers.items():
            if pooled:
                rows = _max_pooled(rows, ceil=self.ceil_pool)
                size = (self._halved(size[0]), self._halved(size[1]))
            rows, write = conv.at(*size).rows(rows, write), relu
            if name == last or name in taps:
                rows, write = _activated(rows), unchanged
                rows = taps[name](rows) if name in taps else rows
            if name == last:
                break
        return rows

    def working_bytes(self, height: int, width: int) -> int:
        """Bytes of windows and blocks of a stream through all layers."""
        first, size = chained([] if self.colours is None else [self.colours], (height, width))
        total = first
        for conv, pooled in self.layers.values():
            size = (self._halved(size[0]), self._halved(size[1])) if pooled else size
            total += chained([conv], size)[0]
        return total

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


def _joined(colours: nn.Conv2d, conv: Conv2d) -> Conv2d:
    """A 1×1 convolution and the one behind it as one; mirrored borders do not tell them apart. Both have a bias."""
    with torch.device("meta"):
        joined = Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size[0], padding_mode=conv.pad_with)
    (before, shift), (weight, bias) = ([precise(p.detach()) for p in part.parameters()] for part in (colours, conv))
    weight_of_both, bias_of_both = torch.einsum("oikl,ij->ojkl", weight, before[:, :, 0, 0]), weight.sum((2, 3)) @ shift
    joined.weight = nn.Parameter(weight_of_both.to(conv.weight.device), requires_grad=False)
    joined.bias = nn.Parameter((bias + bias_of_both).to(conv.weight.device), requires_grad=False)
    return joined


def _activated(rows: Rows) -> Rows:
    for block in rows:
        yield block.clamp_min_(0)


def _max_pooled(rows: Rows, *, ceil: bool) -> Rows:
    """2×2 maxima; an odd last row is kept where `ceil`, as is an odd last column."""
    odd = None
    for block in rows:
        if odd is not None:
            block = torch.cat([odd, block], 2)
        even = block.shape[2] // 2 * 2
        odd = block[:, :, even:].clone() if even < block.shape[2] else None
        if even:
            # torch's own pooling notes where the maxima were, and takes twice the time
            rows_of_two = torch.maximum(block[:, :, 0:even:2], block[:, :, 1:even:2])
            yield _halved_columns(rows_of_two, ceil=ceil)
    if odd is not None and ceil:
        yield _halved_columns(odd, ceil=ceil)


def _halved_columns(block: Tensor, *, ceil: bool) -> Tensor:
    even = block.shape[3] // 2 * 2
    halved = torch.maximum(block[..., 0:even:2], block[..., 1:even:2])
    return torch.cat((halved, block[..., even:]), 3) if ceil and even < block.shape[3] else halved
