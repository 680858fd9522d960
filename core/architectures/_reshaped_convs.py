"""Two convolutions of the decoder in an equal form that a CPU computes faster, forward and backward.

They are used while a network is trained on a CPU, where the other form is made of the published weights in every step
and gradients flow through that, and by the inference engine, which makes it once. Elsewhere the layers compute as they
are written in the papers. Tested against the plain form in float64.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TAPS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Of a 3-tap filter behind a nearest ×2: the four taps of the transposed filter with stride 2, along one axis."""


def pays_in_training(x: Tensor) -> bool:
    """Whether `x` is part of a training step on a CPU."""
    return x.device.type == "cpu" and torch.is_grad_enabled() and x.requires_grad


def fold_nearest(weight: Tensor) -> Tensor:
    """3×3 behind a nearest ×2, (O, C, 3, 3) → transposed 4×4 with stride 2 and padding 3, (C, O, 4, 4)."""
    taps = weight.new_tensor(TAPS)
    return torch.einsum("ak,bl,ockl->coab", taps, taps, weight)


def fold_phases(weight: Tensor) -> Tensor:
    """k×k, (O, C, k, k) → its 2×2 phases with stride 2, (4 · O, C, k + 1, k + 1), in the order of pixel shuffle."""
    phases = [F.pad(weight, (right, 1 - right, down, 1 - down)) for down in (0, 1) for right in (0, 1)]
    return torch.stack(phases, 1).flatten(0, 1)


def conv_after_nearest(x: Tensor, weight: Tensor, bias: Tensor | None, padding: str) -> Tensor:
    """Nearest ×2, padding by one, 3×3 convolution as one transposed 4×4 convolution with stride 2: 4 taps for 9.

    Args:
        x: (B, C, H, W).
        weight: (O, C, 3, 3), that of the 3×3 convolution.
        bias: (O,) or None.
        padding: `reflect`, `replicate` or `zero`. Mirroring a doubled picture by one pixel repeats its edge.

    Returns:
        (B, O, 2H, 2W).
    """
    padded = F.pad(x, (1, 1, 1, 1)) if padding == "zero" else F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(padded, fold_nearest(weight), bias, stride=2, padding=3)


def conv_to_few_channels(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A valid k×k convolution to very few channels as one with stride 2 to four times as many, then pixel shuffle.

    Args:
        x: (B, C, H, W), padded already. Of an odd number of rows or columns of the result, the last is computed and
            dropped.
        weight: (O, C, k, k).
        bias: (O,) or None.

    Returns:
        (B, O, H − k + 1, W − k + 1).
    """
    height, width = (size - weight.shape[2] + 1 for size in x.shape[2:])
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    four_biases = None if bias is None else bias.repeat_interleave(4)
    return F.pixel_shuffle(F.conv2d(x, fold_phases(weight), four_biases, stride=2), 2)[..., :height, :width]
