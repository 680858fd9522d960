"""The image transformation network as passes over rows: Johnson 2016, with batch, instance or conditional norm.

An instance norm needs the statistics of the whole picture before its first pixel can go on. So every normalized layer
is one pass that computes and measures it. Between the passes two stores of the size of the trunk (a quarter of the
resolution) always remain: the sum x of the residual blocks, and the layer y that is being computed, written over the
one that it is computed from, since rows are read ahead of where they are written. The layers at full and half
resolution are stored as well while memory allows, else computed again: 29 % more multiplications for 32-64-128.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ...architectures import ConditionalTransformerNet, StyleNetwork
from ...architectures._layers import BatchNorm, Upsample2d
from ...architectures.transformer_net import ConvNorm, ResidualBlock, TransformerNet
from .affine import Affine, Norm, normalization
from .convolution import ColourConvolution, Convolution, UpsampleConvolution
from .passes import Run, Source
from .rows import Rows, copy
from .store import RowStore

Layer = tuple[Convolution, Norm]


class TransformerProgram:
    """A TransformerNet prepared for streams. It must be one that `supports` accepts."""

    def __init__(self, network: TransformerNet, dtype: torch.dtype) -> None:
        self.config = network.config
        self.dtype = dtype
        self.trunk_dtype = torch.promote_types(dtype, torch.float32)

        def layer(module: nn.Module, kind: type[Convolution] = Convolution) -> Layer:
            module = cast("ConvNorm", module)
            conv = module.conv.conv if isinstance(module.conv, Upsample2d) else module.conv
            norm = cast("Norm", module.norm)
            return kind(cast("nn.Conv2d", conv), dtype, centre=not isinstance(norm, BatchNorm)), norm

        self.encoder = [layer(module) for module in network.encoder]
        self.blocks = [[layer(m) for m in cast("ResidualBlock", block).layers] for block in network.blocks]
        self.decoder = [layer(module, UpsampleConvolution) for module in network.decoder]
        self.output_norm: Norm | None = None
        if isinstance(network.output, ConvNorm):
            self.output, self.output_norm = layer(network.output, ColourConvolution)
        else:
            self.output = ColourConvolution(network.output, dtype, centre=False)

    @staticmethod
    def supports(network: StyleNetwork) -> bool:
        """Whether the passes can do what this network does at its borders and between its resolutions."""
        if type(network) not in (TransformerNet, ConditionalTransformerNet):
            return False
        config = cast("TransformerNet", network).config
        streams = {"reflect", "replicate", "zero"}
        return (
            config.upsampling == "nearest"
            and not config.start_padding
            and {config.padding, config.block_padding} <= streams
            and (config.down_padding in streams or config.down_padding == "same")
        )

    @property
    def passes(self) -> int:
        """How often rows go through `Meter`: once for each layer, less where batch norm measures nothing."""
        around = 5 if self.encoder[0][0].centre else 1
        return around + sum(len(block) for block in self.blocks) + (self.output_norm is not None) + 1

    def stored_bytes(self, height: int, width: int, *, keep: bool) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        size, pixels = self.dtype.itemsize, height * width
        trunk_channels = self.encoder[-1][0].channels
        trunk = pixels // 16 * trunk_channels * (self.trunk_dtype.itemsize + size)
        w1, w2 = (max(a[0].channels, b[0].channels) for a, b in zip(self.encoder, reversed(self.decoder), strict=False))
        full = pixels * (w1 + w2 / 4) * size if keep else 0
        return int(trunk + full), trunk

    def rows(self, photo: Callable[[], Rows], height: int, width: int, run: Run) -> Rows:
        """Paint: rows (1, 3, r, ≥ width) in the network's range, at least `height` of them.

        Args:
            photo: Rows of the photo in the network's range, as often as they are asked for.
            height: Of the photo.
            width: Of the photo.
            run: Style, stores, progress.
        """
        source, size = Source(photo, copy), (height, width)
        for name, (conv, norm) in zip(("full", "half"), self.encoder, strict=False):
            stage = conv.at(*size)
            source = run.normalized(name, stage, norm, source)
            size = (stage.out_height, stage.out_width)
        trunk, size = self._enter_trunk(source, size, run)
        for block in self.blocks:
            self._residual(block, trunk, size, run)
        source = Source(lambda: trunk.rows(run), copy)
        for name, (conv, norm) in zip(("half", "full"), self.decoder, strict=True):
            stage = conv.at(*size)
            source = run.normalized(name, stage, norm, source)
            size = (stage.out_height, stage.out_width)
            if name == "half" and not run.keep:
                run.workspace.drop("y")
        stage = self.output.at(*size)
        rows = stage.rows(source.rows(), source.write)
        if self.output_norm is not None:
            store = run.store("colours", stage)
            moments = run.measure(stage, rows, store)
            affine = normalization(self.output_norm, moments, run.style, self.dtype)
            rows = _written(run.stored(store), affine)
        for block in run.meter.through(rows, size[0]):
            yield self._activated(block)

    def _enter_trunk(self, source: Source, size: tuple[int, int], run: Run) -> tuple[Trunk, tuple[int, int]]:
        """The last downsampling, into the store of x."""
        conv, norm = self.encoder[2]
        stage = conv.at(*size)
        x = run.store("x", stage, self.trunk_dtype)
        moments = run.measure(stage, stage.rows(source.rows(), source.write), x)
        size = (stage.out_height, stage.out_width)
        affine = normalization(norm, moments, run.style, self.trunk_dtype)
        return Trunk(x, lambda block, first: affine.write_relu(block, block, first)), size

    def _residual(self, block: list[Layer], trunk: Trunk, size: tuple[int, int], run: Run) -> None:
        """One residual block, up to its last convolution; the addition waits for the next pass over x."""
        source, y = Source(lambda: trunk.rows(run), copy), None
        for index, (conv, norm) in enumerate(block):
            stage = conv.at(*size)
            if y is None or y.channels != stage.channels:
                y = run.store(f"y{stage.channels}", stage)
            moments = run.measure(stage, stage.rows(source.rows(), source.write), y)
            last = index == len(block) - 1
            affine = normalization(norm, moments, run.style, self.trunk_dtype if last else self.dtype)
            source = Source(partial(run.stored, y), affine.write_relu)
            if last:
                trunk.add(y, affine)

    def _activated(self, block: Tensor) -> Tensor:
        """What follows the last convolution, in float32 or better."""
        config = self.config
        out = block.to(self.trunk_dtype)
        if config.output == "tanh":
            out = torch.tanh(out) * config.output_scale
        elif config.output == "sigmoid":
            out = torch.sigmoid(out)
        return out + config.output_offset if config.output_offset else out


class Trunk:
    """The sum x of the residual blocks. What the last block adds is added when x is next read.

    Args:
        x: The store, filled.
        first: What its rows still need: (rows, first row) → changed in place.
    """

    def __init__(self, x: RowStore, first: Callable[[Tensor, int], None]) -> None:
        self.x = x
        self._pending: Callable[[Tensor, int], None] | None = first

    def add(self, y: RowStore, affine: Affine) -> None:
        """Remember x += affine(y)."""
        self._pending = lambda x, first: affine.add_to(x, y.read(first, x.shape[2]))

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


def _written(rows: Rows, affine: Affine) -> Rows:
    """Rows with scale and shift."""
    first = 0
    for block in rows:
        out = torch.empty_like(block)
        affine.write(block, out, first)
        first += block.shape[2]
        yield out
