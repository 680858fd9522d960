"""Normalization as a scale and a shift per channel, known once the statistics of the whole picture are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor

from ...architectures._layers import EPS, BatchNorm, ConditionalInstanceNorm, InstanceNorm

Norm = InstanceNorm | ConditionalInstanceNorm | BatchNorm

MapRows = Callable[[int, int], Tensor]
"""(first row, rows) → the shares of K styles there, (rows · W, K), float32 or better."""


def precise(values: Tensor) -> Tensor:
    """In float64: on the device, unless it is one that has none."""
    return values.cpu().double() if values.device.type == "mps" else values.double()


class Affine:
    """y = scale · x + shift.

    Args:
        scale: (C,).
        shift: (C,).
        dtype: Of the arithmetic.
    """

    def __init__(self, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> None:
        self.dtype = dtype
        # processors calculate in half precision by converting to and fro: once for all operations is faster, and exact
        work = torch.promote_types(dtype, torch.float32) if scale.device.type == "cpu" else dtype
        self.scale, self.shift = (values.to(work).view(1, -1, 1, 1) for values in (scale, shift))
        self._scratch: Tensor | None = None

    def values(self, block: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Scale and shift of a block (1, C, r, W) that begins at row `first`, broadcastable to it."""
        if self.scale.device != block.device:
            self.scale, self.shift = (part.to(block.device, self.dtype) for part in (self.scale, self.shift))
        return self.scale, self.shift

    def write(self, block: Tensor, out: Tensor, first: int) -> None:
        """A `Write`: scale and shift."""
        self._write(block, out, first, relu=False)

    def write_relu(self, block: Tensor, out: Tensor, first: int) -> None:
        """A `Write`: scale, shift, ReLU."""
        self._write(block, out, first, relu=True)

    def _write(self, block: Tensor, out: Tensor, first: int, *, relu: bool) -> None:
        scale, shift = self.values(block, first)
        target, source = out, block
        # torch would convert inside one operation thirty times slower than in two
        if not scale.dtype == block.dtype == out.dtype:
            if self._scratch is None or self._scratch.shape != block.shape:
                self._scratch = torch.empty_like(block, dtype=scale.dtype, memory_format=torch.channels_last)
            target = self._scratch
            source = block if block.dtype == scale.dtype else target.copy_(block)
        torch.addcmul(shift, source, scale, out=target)
        if relu:
            target.clamp_min_(0)
        if target is not out:
            out.copy_(target)

    def add_to(self, x: Tensor, block: Tensor, first: int) -> None:
        """In place: x += scale · block + shift."""
        scale, shift = self.values(block, first)
        x.addcmul_(block.to(x.dtype), scale).add_(shift)


class BlendedAffine(Affine):
    """y = Σ_k m_k · (scale_k · x + shift_k), with shares m_k that change from place to place.

    Args:
        scales: (K, C).
        shifts: (K, C).
        maps: m at the resolution of x.
        dtype: Of the arithmetic.
    """

    def __init__(self, scales: Tensor, shifts: Tensor, maps: MapRows, dtype: torch.dtype) -> None:
        super().__init__(scales[0], shifts[0], dtype)
        self.maps = maps
        self._both = torch.cat((scales, shifts), 1).to(dtype)  # (K, 2 · C)
        self._blended: Tensor | None = None

    def values(self, block: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """The blend at every pixel of the block, valid until the next call."""
        _, channels, rows, width = block.shape
        maps = self.maps(first, rows).to(block.device, self.dtype)
        self._both = self._both.to(block.device)
        if self._blended is None or len(self._blended) != len(maps):
            self._blended = maps.new_empty(len(maps), 2 * channels)
        torch.mm(maps, self._both, out=self._blended)
        both = self._blended.view(1, rows, width, 2 * channels).permute(0, 3, 1, 2)
        return both[:, :channels], both[:, channels:]


class Scaling(NamedTuple):
    """What a normalization layer does beside normalizing, for each of K styles."""

    scale: Tensor | None = None
    """γ (K, C) or, the same for all, (1, C); None: 1."""
    shift: Tensor | None = None
    """β, likewise; None: 0."""
    eps: float = EPS
    correction: int = 0
    """1 for the unbiased variance."""

    def of(self, region: int, mean: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
        """Style `region`, given μ and 1/σ, (C,) each: scale and shift (C,) of x, float64."""

        def row(values: Tensor) -> Tensor:
            return values[region if len(values) > 1 else 0].to(mean)

        gain = inverse if self.scale is None else inverse * row(self.scale)
        return gain, -mean * gain if self.shift is None else row(self.shift) - mean * gain


class Steering:
    """γ and β of the norms that a style steers, handed out in their order: `_modulation.Modulation` of the engine.

    Args:
        scale_shift: All γ, then all β, (K, 2n); None: norms without affine.
    """

    def __init__(self, scale_shift: Tensor | None = None) -> None:
        self.scales, self.shifts = (None, None) if scale_shift is None else precise(scale_shift).chunk(2, dim=1)
        self._used = 0

    def next(self, channels: int) -> Scaling:
        """The next norm's."""
        if self.scales is None or self.shifts is None:
            return Scaling()
        own = slice(self._used, self._used + channels)
        self._used += channels
        return Scaling(self.scales[:, own], self.shifts[:, own])


def scaling_of(norm: InstanceNorm | ConditionalInstanceNorm, styles: Tensor | None) -> Scaling:
    """γ and β of a layer for K styles or mixes of styles, weights (K, S)."""
    gamma, beta = precise(norm.weight.detach()), precise(norm.bias.detach())
    if isinstance(norm, ConditionalInstanceNorm):
        if styles is None:
            raise TypeError("conditional instance normalization needs style weights")
        return Scaling(styles.to(gamma) @ gamma, styles.to(gamma) @ beta, norm.eps)
    return Scaling(gamma[None], beta[None], norm.eps)


def of_training_set(norm: BatchNorm, dtype: torch.dtype) -> Affine:
    """Batch normalization brings its own statistics."""
    mean, variance = (precise(cast("Tensor", values)) for values in (norm.running_mean, norm.running_var))
    scale = precise(norm.weight.detach()) * (variance + norm.eps).rsqrt()
    return Affine(scale, precise(norm.bias.detach()) - mean * scale, dtype)
