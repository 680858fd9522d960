"""The modulated decoder as passes over rows: encode once, then one pass for each of its convolutions.

See core/architectures/modulated_adain.py. The photo's features of the upper scales enter the decoder again, so they are
stored while memory allows; else those at full and half resolution are computed again wherever they are needed, an
eighth of all multiplications. AdaIN is a scale and a shift of the stored deepest features, CoMatch a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ...architectures import StyleCode, StyleNetwork
from ...architectures._mixing import mix_codes
from ...architectures.adain import ADAIN_EPS
from ...architectures.modulated_adain import ModulatedAdaINNet, ModulatedBlock, Stage
from .affine import Scaling, Steering, precise
from .comatch import GramMatrix, comatch_matrices, matched_rows
from .convolution import ColourConvolution, Convolution, UpsampleConvolution, chained
from .convolution import Stage as Step
from .encoder import Encoder, Tap, tap
from .maps import Maps
from .moments import Moments
from .norms import Norms, OwnNorms
from .passes import Run, Source
from .places import Places, runs_by_place
from .rows import RowReader, Rows, Write, block_rows, copy
from .store import RowStore
from .trunk import Trunk
from .winograd import fastest


@dataclass(frozen=True)
class PreparedStage:
    """A stage's convolutions."""

    conv: Convolution
    skip: Convolution | None
    blocks: list[list[Convolution]]


@dataclass(frozen=True)
class Encoded:
    """What the decoder takes of a photo."""

    size: tuple[int, int]
    """Of the deepest features."""
    deep: RowStore
    moments: list[Moments]
    """Of the deepest features: of the whole photo, or, for AdaIN, of every region."""
    skips: list[Source]
    """Features of the upper scales, to be normalized, deepest first."""
    own: Callable[[], tuple[Tensor, ...]]
    """The photo's own code, as `encode_style` makes it of style pictures."""


class ModulatedAdaINProgram:
    """A ModulatedAdaINNet prepared for streams."""

    def __init__(self, network: ModulatedAdaINNet, dtype: torch.dtype) -> None:
        self.network, self.dtype = network, dtype
        self.work = torch.promote_types(dtype, torch.float32)
        self.encoder, self.multiple = Encoder(network.encoder, dtype), network.stride
        self.stages: list[PreparedStage] = []
        for index, module in enumerate(network.stages):
            stage = cast("Stage", module)
            kind = UpsampleConvolution if index else fastest
            skip = None if stage.skip is None else Convolution(stage.skip, dtype, centre=False)
            blocks = [
                [fastest(conv, dtype, centre=True) for conv in (block.conv1, block.conv2)]
                for block in cast("list[ModulatedBlock]", stage.blocks)
            ]
            self.stages.append(PreparedStage(kind(stage.conv, dtype, centre=True), skip, blocks))
        self.output = ColourConvolution(cast("nn.Conv2d", network.output), dtype, centre=False)

    @staticmethod
    def supports(network: StyleNetwork) -> bool:
        """Every network of this kind."""
        return type(network) is ModulatedAdaINNet

    def passes(self, runs: int, *, regional: bool) -> int:
        """How often rows go through `Meter`."""
        inner = [2 * len(stage.blocks) + bool(stage.blocks) for stage in self.stages]
        measured = sum(2 * len(stage.blocks) + 1 for stage in self.stages)
        return 1 + runs * measured + (sum(inner) if runs > 1 else 0) + 1

    def stored_bytes(self, height: int, width: int, *, keep: bool, half: bool = False) -> tuple[int, int]:
        """Bytes of all stores of a picture of this size, and of those that a spill to disk would spare."""
        size, small, full = self.dtype.itemsize, 0, 0
        pixels = height * width / self.multiple**2  # at the scale of the deepest features
        small += pixels * self.encoder.channels * size
        for index, stage in enumerate(self.stages):
            here = pixels * 4**index
            if stage.blocks:
                small += here * stage.conv.channels * (self.work.itemsize + size)
            else:
                full += here * stage.conv.channels * size
            if stage.skip is not None:
                skipped = here * stage.skip.in_channels * size
                if index < len(self.stages) - 2:
                    small += skipped
                else:
                    full += skipped
        return int(small + full * keep), int(small)

    def working_bytes(self, height: int, width: int) -> int:
        """Bytes of windows and blocks beside the stores, where layers are computed again."""
        encoder, size = self.encoder.working_bytes(height, width), self.encoder.sizes(height, width)[self.encoder.last]
        # of CoMatch: the block in the dtype of the products, one product, their sum
        decoder, matched = 0, 0 if self.network.comatch is None else 3 * self._block_bytes(size[1])
        for stage in self.stages:
            own, size = chained([stage.conv], size)
            inner = 0 if stage.skip is None else chained([stage.skip], size)[0]
            inner = max([inner, *(2 * chained(block, size)[0] for block in stage.blocks)])
            decoder = own + inner if stage.blocks else decoder + own + inner
        return encoder + matched + decoder + chained([self.output], size)[0]

    def _block_bytes(self, width: int) -> int:
        channels = self.encoder.channels
        return block_rows(width, channels, self.dtype.itemsize) * width * channels * self.work.itemsize

    def paint(
        self,
        photo: Callable[[], Rows],
        size: tuple[int, int],
        run: Run,
        code: StyleCode | None,
        places: Places | None,
    ) -> Rows:
        """Paint: rows (1, 3, r, ≥ width) in 0..1, at least `height` of them.

        Args:
            photo: Rows of the photo, RGB in 0..1, as often as they are asked for.
            size: Height and width of the photo, a `multiple` each.
            run: Stores, progress.
            code: α, and the style with weights (1, S), if `places` is None.
            places: Of the styles, and α.
        """
        if code is None:
            raise TypeError("the modulated decoder needs the features of a style picture")
        maps = None if places is None else places.maps(with_rest=True)
        regions = maps if code.regional and self.network.comatch is None else None
        own_wanted = isinstance(code.alpha, Tensor) or code.alpha != 1
        encoded = self._encode(photo, size, run, regions, own_wanted=own_wanted)
        codes = code.features if places is None else places.features  # (K, …) each
        codes = [mix_codes(code.weights, part) if places is None else part for part in codes]
        if isinstance(code.alpha, Tensor):  # one style more: the photo's own
            codes = [torch.cat((part.to(own), own)) for part, own in zip(codes, encoded.own(), strict=True)]
        elif code.alpha != 1:
            pairs = zip(encoded.own(), codes, strict=True)
            codes = [torch.lerp(own.expand_as(part), part.to(own), code.alpha) for own, part in pairs]
        if maps is None:
            return self._decode(encoded, codes, run)
        finish = partial(self._decode, encoded, codes, run, maps=maps)
        return runs_by_place(finish, maps, regional=code.regional)

    def _encode(
        self, photo: Callable[[], Rows], size: tuple[int, int], run: Run, regions: Maps | None, *, own_wanted: bool
    ) -> Encoded:
        """One pass over the photo: statistics of all scales, features of those that are kept."""
        sizes, (*upper, last) = self.encoder.sizes(*size), self.network.layers
        taps: dict[str, Tap] = {}
        measured: dict[str, Moments] = {}
        rows: dict[str, Callable[[], Rows]] = {}
        for depth, layer in enumerate(upper):
            channels = self.encoder.layers[layer][0].channels
            rows[layer], store = partial(self.encoder.rows, photo, size, layer), None
            if run.keep or depth > 1:
                store = run.workspace.rows(layer, channels, *sizes[layer], self.dtype)
                rows[layer] = partial(run.stored, store)
            measured[layer] = Moments()
            taps[layer] = tap(measured[layer], store)
        deep = run.workspace.rows(last, self.encoder.channels, *sizes[last], self.dtype)
        norms = [OwnNorms()] if regions is None else [OwnNorms(k, regions) for k in range(regions.count)]
        of_deep = [own.moments(sizes[last]) for own in norms]
        encoded = self.encoder.rows(photo, size, taps=taps)
        for moments in of_deep:
            encoded = tap(moments, None)(encoded)
        gram = None if self.network.comatch is None or not own_wanted else GramMatrix()
        if gram is not None:
            encoded = gram.through(encoded)
        run.consume(encoded, sizes[last][0], None, deep)
        affines = {layer: OwnNorms().affine(Scaling(), measured[layer], size, self.dtype, None) for layer in upper}
        skips = [Source(rows[layer], affines[layer].write) for layer in reversed(upper)]
        own_code = partial(self._own_code, [*measured.values(), of_deep[0]], gram)
        return Encoded(sizes[last], deep, of_deep, skips, own_code)

    def _own_code(self, measured: list[Moments], gram: GramMatrix | None) -> tuple[Tensor, ...]:
        statistics: list[Tensor] = []
        for moments in measured:
            statistics += [moments.mean[None], (moments.unbiased_variance[None] + ADAIN_EPS).sqrt()]
        device = self.network.modulator.mean.device
        statistics = [part.to(device) for part in statistics]
        scale_shift = self.network.modulator(torch.cat(statistics, 1))
        if gram is not None:
            return gram.value[None].to(device), scale_shift
        return statistics[-2], statistics[-1], scale_shift

    def _decode(
        self, encoded: Encoded, codes: list[Tensor], run: Run, norms: Norms | None = None, maps: Maps | None = None
    ) -> Rows:
        """All passes but the last, which is made when the rows are asked for.

        Args:
            encoded: The photo.
            codes: μ and σ (K, C), or the Gram matrix (K, C, C), for its deepest features; γ and β (K, 2n) of all
                convolutions.
            run: Stores, progress.
            norms: Of the run; None: of one style everywhere.
            maps: Shares of the K styles; None: of one everywhere.
        """
        run = replace(run, norms=norms or OwnNorms())
        *targets, scale_shift = codes
        steering = Steering(scale_shift)

        def with_next(conv: Convolution) -> tuple[Convolution, Scaling]:
            """A convolution with the γ and β that are its own."""
            return conv, steering.next(conv.channels)

        source, size = self._matched(encoded, targets, run, maps), encoded.size
        for index, stage in enumerate(self.stages):
            conv, scaling = with_next(stage.conv)
            blocks = [[with_next(inner) for inner in block] for block in stage.blocks]
            step = conv.at(*size)
            size = (step.out_height, step.out_width)
            skip = None if stage.skip is None else partial(_convolved, stage.skip.at(*size), encoded.skips[index - 1])
            if not blocks:
                source = run.normalized(f"stage{index}", step, scaling, source)
                source = Source(source.rows, _with_skip(source.write, skip))
                continue
            x = run.store(f"x{index}.", step, self.work)
            write = _with_skip(run.convolved(step, scaling, source, x, self.work).write_relu, skip)
            trunk = Trunk(x, partial(_in_place, write), size)
            for block in blocks:
                trunk.residual(block, run, self.work, f"y{index}.")
            source = Source(partial(trunk.rows, run), copy)
        return self._painted(self.output.at(*size), source, run)

    def _matched(self, encoded: Encoded, targets: list[Tensor], run: Run, maps: Maps | None) -> Source:
        """The deepest features with the statistics of one style, or of K in their places."""
        stored, comatch = partial(run.stored, encoded.deep), self.network.comatch
        if comatch is not None:
            matrices = comatch_matrices(comatch, targets[0], self.work)
            region = run.norms.region
            shares = None if maps is None or region is not None else maps.at(*encoded.size)
            matrices = matrices[region or 0 :] if shares is None else matrices
            return Source(lambda: matched_rows(stored(), matrices, shares), copy)
        mean, deviation = (precise(part) for part in targets)
        moments = encoded.moments[(run.norms.region or 0) % len(encoded.moments)] if run.norms.measures else None
        transfer = Scaling(deviation, mean, ADAIN_EPS, correction=1)
        affine = run.norms.affine(transfer, moments, encoded.size, self.dtype, None)
        return Source(stored, affine.write)

    def _painted(self, step: Step, source: Source, run: Run) -> Rows:
        for block in run.meter.through(step.rows(source.rows(), source.write), step.out_height):
            yield torch.sigmoid(block.to(self.work))


def _convolved(step: Step, source: Source) -> Rows:
    return step.rows(source.rows(), source.write)


def _in_place(write: Write, block: Tensor, first: int) -> None:
    write(block, block, first)


def _with_skip(write: Write, skip: Callable[[], Rows] | None) -> Write:
    """A `Write` that adds the rows of another stream, from its top whenever rows begin at the top."""
    if skip is None:
        return write
    reader: RowReader | None = None

    def both(block: Tensor, out: Tensor, first: int) -> None:
        nonlocal reader
        if first == 0 or reader is None:
            reader = RowReader(skip())
        write(block, out, first)
        # torch would convert inside the addition thirty times slower than in two steps
        out.add_(reader.take(block.shape[2]).to(out.dtype))

    return both
