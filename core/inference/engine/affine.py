"""Normalization as a scale and a shift per channel, known once the statistics of the whole picture are."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ...architectures._layers import EPS, BatchNorm, ConditionalInstanceNorm, InstanceNorm
from .moments import Moments

Norm = InstanceNorm | ConditionalInstanceNorm | BatchNorm


class Affine:
    """y = scale · x + shift.

    Args:
        scale: (C,).
        shift: (C,).
        dtype: Of the arithmetic.
    """

    def __init__(self, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> None:
        self.scale, self.shift = (values.to(dtype).view(1, -1, 1, 1) for values in (scale, shift))
        self._scratch: Tensor | None = None

    def write(self, block: Tensor, out: Tensor, first: int) -> None:
        """A `Write`: scale and shift."""
        if out.dtype == block.dtype:
            torch.addcmul(self.shift, block, self.scale, out=out)
            return
        # torch would convert inside one operation thirty times slower than in two
        if self._scratch is None or self._scratch.shape != block.shape:
            self._scratch = torch.empty_like(block, memory_format=torch.channels_last)
        torch.addcmul(self.shift, block, self.scale, out=self._scratch)
        out.copy_(self._scratch)

    def write_relu(self, block: Tensor, out: Tensor, first: int) -> None:
        """A `Write`: scale, shift, ReLU."""
        self.write(block, out, first)
        out.clamp_min_(0)

    def add_to(self, x: Tensor, block: Tensor) -> None:
        """In place: x += scale · block + shift."""
        x.addcmul_(block.to(x.dtype), self.scale).add_(self.shift)


def normalization(norm: Norm | None, moments: Moments | None, style: Tensor | None, dtype: torch.dtype) -> Affine:
    """A normalization layer as an Affine of the rows whose moments were taken.

    Args:
        norm: The layer; None: instance norm without γ and β.
        moments: Of its input; None for batch normalization, which brings its own.
        style: Style weights (1, S) for conditional layers.
        dtype: Of scale and shift.
    """
    if isinstance(norm, BatchNorm):
        mean, variance = (cast("Tensor", values).double() for values in (norm.running_mean, norm.running_var))
        scale = norm.weight.double() * (variance + norm.eps).rsqrt()
        return Affine(scale, norm.bias.double() - mean * scale, dtype)
    assert moments is not None  # noqa: S101 - the programs measure before they normalize
    if norm is None:
        inverse = (moments.variance + EPS).rsqrt()
        return Affine(inverse, -moments.mean * inverse, dtype)
    inverse = (moments.variance + norm.eps).rsqrt().to(norm.weight.device)
    mean = moments.mean.to(norm.weight.device)
    gamma, beta = norm.weight.double(), norm.bias.double()
    if isinstance(norm, ConditionalInstanceNorm):
        if style is None:
            raise TypeError("conditional instance normalization needs style weights")
        weights = style[0].double()
        gamma, beta = weights @ gamma, weights @ beta
    scale = gamma * inverse
    return Affine(scale, beta - mean * scale, dtype)
