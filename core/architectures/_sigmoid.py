"""The sigmoid that networks with batch norm end with: saturated pixels go on learning (docs/adr/0027)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LEAST_SLOPE = 0.1
"""Of the slope that gradients see, which is y (1 − y): as if no pixel were nearer to black or white than 0.11."""


class _Sigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grads[0] * (y * (1 - y)).clamp_min(LEAST_SLOPE)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), any shape, floating dtype and device; its gradient is at least a tenth of what comes in.

    With the true slope a pixel that has become black or white learns no more, whatever the loss says: a net with batch
    norm left the black parts of photos black for good.
    """
    return _Sigmoid.apply(x) if torch.is_grad_enabled() else torch.sigmoid(x)
