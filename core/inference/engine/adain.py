"""AdaIN as two passes over rows: encode and measure, then exchange the statistics and decode.

Huang & Belongie 2017, arXiv 1703.06868; see core/architectures/adain.py. Encoder and decoder have no normalization, so
rows run through all their layers in one go and only the features between them, at an eighth of the resolution, are
stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from ...architectures import StyleCode, StyleNetwork
from ...architectures.adain import ADAIN_EPS, AdaINNet
from .affine import Affine
from .convolution import ColourConvolution, Convolution, UpsampleConvolution
from .moments import Moments
from .passes import Run
from .rows import Rows, Write, as_rows, copy, relu


class AdaINProgram:
    """An AdaIN network prepared for streams."""

    passes = 2

    def __init__(self, network: AdaINNet, dtype: torch.dtype) -> None:
        self.dtype, self.stride = dtype, network.stride
        self.work = torch.promote_types(dtype, torch.float32)
        encoder = network.encoder
        self.normalization = encoder.config.normalization
        self.ceil_pool = encoder.config.ceil_pool
        self.colours = Convolution(encoder.conv0, dtype, centre=False) if encoder.config.input_conv else None
        self.encoder: list[tuple[Convolution, bool]] = []
        """Convolutions, and whether a pooling goes before."""
        for name in encoder.names:
            conv = cast("nn.Conv2d", encoder.get_submodule("conv" + name[4:]))
            pooled = name[4] != "1" and name.endswith("_1")
            self.encoder.append((Convolution(conv, dtype, centre=False), pooled))
        self.decoder: list[Convolution] = []
        names, doubled = network.decoder.names, False
        for name in names:
            conv = cast("nn.Conv2d", network.decoder.get_submodule(name))
            kind = ColourConvolution if name == names[-1] else UpsampleConvolution if doubled else Convolution
            self.decoder.append(kind(conv, dtype, centre=False))
            doubled = name in network.decoder.doubled

    @staticmethod
    def supports(network: StyleNetwork) -> bool:
        """Every AdaIN network whose decoder ends at full resolution, below no upsampling."""
        if type(network) is not AdaINNet:
            return False
        names = network.decoder.names
        return len(names) > 1 and names[-2] not in network.decoder.doubled

    def stored_bytes(self, height: int, width: int, *, keep: bool) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        features = self.encoder[-1][0].channels * self.dtype.itemsize * height * width // self.stride**2
        return features, features

    def rows(self, photo: Callable[[], Rows], height: int, width: int, run: Run, code: StyleCode) -> Rows:
        """Paint: rows (1, 3, r, ≥ width), at least `height` of them, not clamped.

        Args:
            photo: Rows of the photo, RGB in 0..1, as often as they are asked for.
            height: Of the photo; where pooling rounds down, a multiple of the stride, as the width.
            width: Of the photo.
            run: Stores, progress.
            code: With weights (1, S).
        """
        rows, size = self._encoded(photo, height, width)
        features = run.workspace.rows("features", self.encoder[-1][0].channels, *size, self.dtype)
        moments = Moments(features.channels)
        first = 0
        for block in run.meter.through(rows, size[0]):
            block.clamp_min_(0)
            moments.add(block)
            features.write(first, block)
            first += block.shape[2]
        rows, write = run.stored(features), self._transfer(moments, code).write
        for conv in self.decoder:
            stage = conv.at(*size)
            rows, write, size = stage.rows(rows, write), cast("Write", relu), (stage.out_height, stage.out_width)
        for block in run.meter.through(rows, size[0]):
            yield block.to(self.work)

    def _encoded(self, photo: Callable[[], Rows], height: int, width: int) -> tuple[Rows, tuple[int, int]]:
        """Rows of the deepest layer, before its ReLU, and their size."""
        rows, write = (as_rows(self.normalization.encode(block), self.dtype) for block in photo()), cast("Write", copy)
        if self.colours is not None:
            rows = self.colours.at(height, width).rows(rows, write)
        size = (height, width)
        for conv, pooled in self.encoder:
            if pooled:
                rows = _max_pooled(rows, ceil=self.ceil_pool)
                size = (-(-size[0] // 2), -(-size[1] // 2)) if self.ceil_pool else (size[0] // 2, size[1] // 2)
            stage = conv.at(*size)
            rows, write, size = stage.rows(rows, write), cast("Write", relu), (stage.out_height, stage.out_width)
        return rows, size

    def _transfer(self, moments: Moments, code: StyleCode) -> Affine:
        """AdaIN (eq. 8) of the mixed styles and α (eq. 14) as one scale and shift."""
        mean, std = (code.weights[0].double() @ part.double() for part in code.features)
        own_std = (moments.unbiased_variance + ADAIN_EPS).sqrt().to(std.device)
        scale = code.alpha * std / own_std + (1 - code.alpha)
        shift = code.alpha * (mean - moments.mean.to(mean.device) * std / own_std)
        return Affine(scale, shift, self.dtype)


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
