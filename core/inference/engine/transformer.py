"""The image transformation network as passes over rows: Johnson 2016, with batch, instance or conditional norm.

An instance norm needs the statistics of the whole picture before its first pixel can go on. So every normalized layer
is one pass that computes and measures it. Between the passes two stores of the size of the trunk (a quarter of the
resolution) always remain: the sum x of the residual blocks, and the layer y that is being computed, written over the
one that it is computed from, since rows are read ahead of where they are written. The layers at full and half
resolution are stored as well while memory allows, else computed again: 29 % more multiplications for 32-64-128, 10 %
where only those at full resolution are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ...architectures import ConditionalTransformerNet, StyleCode, StyleNetwork
from ...architectures._layers import BatchNorm, Upsample2d
from ...architectures.transformer_net import ConvNorm, ResidualBlock, TransformerNet
from .affine import Affine, Norm
from .convolution import ColourConvolution, Convolution, UpsampleConvolution, chained
from .norms import Norms, OwnNorms
from .passes import Run, Source
from .places import Places, runs_by_place
from .rows import Rows, copy
from .trunk import Trunk
from .winograd import fastest

Layer = tuple[Convolution, Norm]


class TransformerProgram:
    """A TransformerNet prepared for streams. It must be one that `supports` accepts."""

    multiple = 1
    """Of what height and width must be."""

    def __init__(self, network: TransformerNet, dtype: torch.dtype) -> None:
        self.config = network.config
        self.dtype = dtype
        self.trunk_dtype = torch.promote_types(dtype, torch.float32)

        def layer(module: nn.Module, kind: Callable[..., Convolution] = fastest) -> Layer:
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

    def passes(self, runs: int, *, regional: bool) -> int:
        """How often rows go through `Meter`: once for each layer, less where nothing is measured."""
        inner = sum(len(block) for block in self.blocks) + (self.output_norm is not None)
        around = 5 if self.encoder[0][0].centre else 1
        return runs * (around + inner) + (1 + inner if runs > 1 else 0) + 1

    def stored_bytes(self, height: int, width: int, *, keep: bool, half: bool = False) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        size, pixels = self.dtype.itemsize, height * width
        trunk_channels = self.encoder[-1][0].channels
        trunk = pixels // 16 * trunk_channels * (self.trunk_dtype.itemsize + size)
        w1, w2 = (max(a[0].channels, b[0].channels) for a, b in zip(self.encoder, reversed(self.decoder), strict=False))
        full = pixels * (keep * w1 + (keep or half) * w2 / 4) * size
        colours = pixels * self.output.channels * size if self.output_norm is not None else 0
        return int(trunk + colours + full), trunk + colours

    def working_bytes(self, height: int, width: int) -> int:
        """Bytes of windows and blocks beside the stores, where layers are computed again."""
        encoder, size = chained((conv for conv, _ in self.encoder), (height, width))
        decoder, _ = chained((*(conv for conv, _ in self.decoder), self.output), size)
        inner = max((chained([conv], size)[0] for block in self.blocks for conv, _ in block), default=0)
        return max(encoder, 2 * inner, decoder + inner)

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
            code: With weights (1, S), for conditional networks.
            places: Of the styles; None: everywhere the same.
        """
        if places is None:
            return self._run(photo, size, run, OwnNorms(), None if code is None else code.weights)
        finish = partial(self._run, photo, size, run, styles=places.rows)
        return runs_by_place(finish, places.maps(), regional=places.regional)

    def _run(
        self, photo: Callable[[], Rows], size: tuple[int, int], run: Run, norms: Norms, styles: Tensor | None
    ) -> Rows:
        """All passes but the last, which is made when the rows are asked for."""
        run = replace(run, norms=norms, styles=styles)
        source = Source(photo, copy)
        for name, (conv, norm) in zip(("full", "half"), self.encoder, strict=False):
            stage = conv.at(*size)
            source = run.normalized(name, stage, norm, source, keep=run.keep or (run.half and name == "half"))
            size = (stage.out_height, stage.out_width)
        trunk = self._enter_trunk(source, size, run)
        for block in self.blocks:
            trunk.residual(block, run, self.trunk_dtype)
        source, size = Source(lambda: trunk.rows(run), copy), trunk.size
        for name, (conv, norm) in zip(("half", "full"), self.decoder, strict=True):
            stage = conv.at(*size)
            source = run.normalized(name, stage, norm, source, keep=run.keep or (run.half and name == "half"))
            size = (stage.out_height, stage.out_width)
            if name == "half" and not run.keep:
                run.workspace.drop("y")
        stage = self.output.at(*size)
        rows = partial(stage.rows, source.rows(), source.write)
        if self.output_norm is not None:
            store = run.store("colours", stage)
            affine = run.convolved(stage, self.output_norm, source, store, self.dtype)
            rows = partial(_written, run.stored(store), affine)
        return self._painted(rows, size[0], run)

    def _enter_trunk(self, source: Source, size: tuple[int, int], run: Run) -> Trunk:
        """The last downsampling, into the store of x."""
        conv, norm = self.encoder[2]
        stage = conv.at(*size)
        x = run.store("x", stage, self.trunk_dtype)
        affine = run.convolved(stage, norm, source, x, self.trunk_dtype)
        return Trunk(
            x, lambda block, first: affine.write_relu(block, block, first), (stage.out_height, stage.out_width)
        )

    def _painted(self, rows: Callable[[], Rows], height: int, run: Run) -> Rows:
        for block in run.meter.through(rows(), height):
            yield self._activated(block)

    def _activated(self, block: Tensor) -> Tensor:
        """What follows the last convolution, in float32 or better."""
        config = self.config
        out = block.to(self.trunk_dtype)
        if config.output == "tanh":
            out = torch.tanh(out) * config.output_scale
        elif config.output == "sigmoid":
            out = torch.sigmoid(out)
        return out + config.output_offset if config.output_offset else out


def _written(rows: Rows, affine: Affine) -> Rows:
    """Rows with scale and shift."""
    first = 0
    for block in rows:
        out = torch.empty_like(block)
        affine.write(block, out, first)
        first += block.shape[2]
        yield out
