"""AdaIN as two passes over rows: encode and measure, then exchange the statistics and decode.

Huang & Belongie 2017, arXiv 1703.06868; see core/architectures/adain.py. Encoder and decoder have no normalization, so
rows run through all their layers in one go and only the features between them, at an eighth of the resolution, are
stored. Styles in their places need no more passes: only the exchange differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ...architectures import StyleCode, StyleNetwork
from ...architectures.adain import ADAIN_EPS, AdaINNet
from .affine import Affine, BlendedAffine, Scaling, precise
from .convolution import ColourConvolution, Convolution, UpsampleConvolution, chained
from .encoder import Encoder, tap
from .moments import Moments
from .norms import OwnNorms
from .passes import Run
from .places import Places
from .rows import Rows, Write, relu
from .winograd import fastest


class AdaINProgram:
    """An AdaIN network prepared for streams."""

    def __init__(self, network: AdaINNet, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.work = torch.promote_types(dtype, torch.float32)
        self.encoder, self.stride = Encoder(network.encoder, dtype), network.stride
        self.multiple = 1 if self.encoder.ceil_pool else network.stride
        """Of what height and width must be."""
        self.decoder: list[Convolution] = []
        names, doubled = network.decoder.names, False
        for name in names:
            conv = cast("nn.Conv2d", network.decoder.get_submodule(name))
            kind = ColourConvolution if name == names[-1] else UpsampleConvolution if doubled else fastest
            self.decoder.append(kind(conv, dtype, centre=False))
            doubled = name in network.decoder.doubled

    @staticmethod
    def supports(network: StyleNetwork) -> bool:
        """Every AdaIN network whose decoder ends at full resolution, below no upsampling."""
        if type(network) is not AdaINNet:
            return False
        names = network.decoder.names
        return len(names) > 1 and names[-2] not in network.decoder.doubled

    def stored_bytes(self, height: int, width: int, *, keep: bool, half: bool = False) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        features = self.encoder.channels * self.dtype.itemsize * height * width // self.stride**2
        return features, features

    def working_bytes(self, height: int, width: int) -> int:
        """Bytes of windows and blocks beside the store."""
        decoder, _ = chained(self.decoder, self.encoder.sizes(height, width)[self.encoder.last])
        return max(self.encoder.working_bytes(height, width), decoder)

    def passes(self, runs: int, *, regional: bool) -> int:
        """How often rows go through `Meter`: encode, decode."""
        return 2

    def paint(
        self,
        photo: Callable[[], Rows],
        size: tuple[int, int],
        run: Run,
        code: StyleCode | None,
        places: Places | None,
    ) -> Rows:
        """Paint: rows (1, 3, r, ≥ width), at least `height` of them, not clamped.

        Args:
            photo: Rows of the photo, RGB in 0..1, as often as they are asked for.
            size: Height and width of the photo, a `multiple` each.
            run: Stores, progress.
            code: With weights (1, S), if `places` is None.
            places: Of the styles, and α.
        """
        if code is None:
            raise TypeError("AdaIN needs the features of a style picture")
        deep = self.encoder.sizes(*size)[self.encoder.last]
        features = run.workspace.rows("features", self.encoder.channels, *deep, self.dtype)
        regions = places.maps() if places is not None and places.regional else None
        norms = [OwnNorms()] if regions is None else [OwnNorms(k, regions) for k in range(regions.count)]
        measured = [own.moments(deep) for own in norms]
        rows = self.encoder.rows(photo, size)
        for moments in measured:
            rows = tap(moments, None)(rows)
        run.consume(rows, deep[0], None, features)
        transfer = self._transfer(measured, code, places, deep)
        rows, write = run.stored(features), transfer.write
        for conv in self.decoder:
            stage = conv.at(*deep)
            rows, write, deep = stage.rows(rows, write), cast("Write", relu), (stage.out_height, stage.out_width)
        for block in run.meter.through(rows, deep[0]):
            yield block.to(self.work)

    def _transfer(
        self, measured: list[Moments], code: StyleCode, places: Places | None, size: tuple[int, int]
    ) -> Affine:
        """AdaIN (eq. 8) and α (eq. 14) as one scale and shift: of the mixed styles, or by place."""
        if places is None:
            means, deviations = (precise(code.weights) @ precise(part) for part in code.features)  # (1, C)
        else:
            means, deviations = places.features  # (K, C)
        scaling = Scaling(precise(deviations), precise(means), ADAIN_EPS, correction=1)
        statistics = [moments.statistics(ADAIN_EPS, 1).smoothed() for moments in measured]
        statistics = statistics * len(means) if len(statistics) == 1 else statistics
        each = [scaling.of(k, *own) for k, own in enumerate(statistics)]
        scales, shifts = (torch.stack(values) for values in zip(*each, strict=True))
        if not isinstance(code.alpha, Tensor):
            scales, shifts = code.alpha * scales + (1 - code.alpha), code.alpha * shifts
        if places is None:
            return Affine(scales[0], shifts[0], self.dtype)
        masks, alphas = places.maps().at(*size), places.alphas()
        if alphas is None:
            return BlendedAffine(scales, shifts, masks, self.dtype)
        alpha = alphas.at(*size)

        def with_photo(first: int, count: int) -> Tensor:
            share = alpha(first, count)
            return torch.cat((masks(first, count) * share, 1 - share), 1)

        # one style more: the photo's features as they are
        scales = torch.cat((scales, torch.ones_like(scales[:1])))
        shifts = torch.cat((shifts, torch.zeros_like(shifts[:1])))
        return BlendedAffine(scales, shifts, with_photo, self.dtype)
