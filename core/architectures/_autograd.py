"""Reflection padding and instance normalization with backward passes that stay in the input's memory layout.

PyTorch's own copy channels_last tensors to another layout and back: in a training step on the CPU that was a third of
the time (26 % in `copy_`, 14 % in the padding's backward). Tested against autograd in float64.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._statistics import StatisticsHook, active_hook


class _ReflectPad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, amount: int) -> Tensor:
        ctx.amount = p = amount
        height, width = x.shape[-2:]
        out = torch.empty(
            (*x.shape[:2], height + 2 * p, width + 2 * p),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last,
        )
        rows = out[:, :, p : p + height]
        rows[..., p : p + width] = x
        rows[..., :p] = x[..., 1 : p + 1].flip(3)
        rows[..., p + width :] = x[..., width - 1 - p : width - 1].flip(3)
        out[:, :, :p] = rows[:, :, 1 : p + 1].flip(2)
        out[:, :, p + height :] = rows[:, :, height - 1 - p : height - 1].flip(2)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        p, g = ctx.amount, grads[0]
        height, width = g.shape[2] - 2 * p, g.shape[3] - 2 * p
        # What was shown mirrored in the margin flows back to the rows and columns 1..p beside it.
        inner = g[:, :, p:-p, p:-p].contiguous(memory_format=torch.channels_last)
        inner[:, :, :, 1 : p + 1] += g[:, :, p:-p, :p].flip(3)
        inner[:, :, :, width - 1 - p : width - 1] += g[:, :, p:-p, -p:].flip(3)
        for margin, row in ((g[:, :, :p], 1), (g[:, :, -p:], height - 1 - p)):
            mirrored = margin.flip(2)
            folded = mirrored[..., p:-p].clone()
            folded[..., 1 : p + 1] += mirrored[..., :p].flip(3)
            folded[..., width - 1 - p : width - 1] += mirrored[..., -p:].flip(3)
            inner[:, :, row : row + p] += folded
        return inner, None


def reflect_pad(x: Tensor, amount: int) -> Tensor:
    """Reflection padding by `amount` on all sides, (B, C, H, W) → (B, C, H + 2p, W + 2p); H, W > p."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return F.pad(x, (amount,) * 4, mode="reflect")
    return _ReflectPad.apply(x, amount)


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        count = x.shape[2] * x.shape[3]
        accumulate = torch.promote_types(x.dtype, torch.float32)
        mean = x.sum((2, 3), dtype=accumulate) / count  # (B, C)
        centred = x - mean[:, :, None, None].to(x.dtype)
        # centred around the rounded mean: what rounding left is taken off the variance and the shift
        rest = mean - mean.to(x.dtype).to(accumulate)
        variance = (centred * centred).sum((2, 3), dtype=accumulate) / count - rest * rest
        inverse = (variance + eps).rsqrt()
        scale = weight.to(accumulate) * inverse  # (B, C)
        shift = bias.to(accumulate) - rest * scale
        ctx.save_for_backward(centred, weight, inverse)
        ctx.broadcast = (weight.shape[0], bias.shape[0])
        return torch.addcmul(_wide(shift, x), centred, _wide(scale, x))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, weight, inverse = ctx.saved_tensors
        grad = grads[0]
        count = grad.shape[2] * grad.shape[3]
        total = grad.sum((2, 3), dtype=inverse.dtype)  # (B, C): dβ
        along = (grad * centred).sum((2, 3), dtype=inverse.dtype) * inverse  # (B, C): dγ
        scale = weight.to(inverse.dtype) * inverse
        # dx = γ/σ · (dy − mean dy − x̂ · mean(dy · x̂))
        result = torch.addcmul(_wide(-scale * total / count, grad), grad, _wide(scale, grad))
        result.addcmul_(centred, _wide(-scale * inverse * along / count, grad))
        rows = ctx.broadcast
        to = weight.dtype
        return result, _rows(along, rows[0]).to(to), _rows(total, rows[1]).to(to), None


def _wide(values: Tensor, like: Tensor) -> Tensor:
    return values[:, :, None, None].to(like.dtype)


def _rows(grad: Tensor, rows: int) -> Tensor:
    return grad if grad.shape[0] == rows else grad.sum(0, keepdim=True)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """γ (x − μ) / √(σ² + ε) + β over H and W, biased variance.

    PyTorch rounds the mean of a float16 or bfloat16 tensor to that dtype: an error of 0.03 σ at mean 100 σ. Here
    statistics are in float32 or better.

    Args:
        x: (B, C, H, W), floating point.
        weight: γ, (B or 1, C); None: 1.
        bias: β, (B or 1, C); None: 0.
        eps: ε.

    Returns:
        (B, C, H, W) in the dtype of `x`, whatever that of γ and β.
    """
    if torch.is_grad_enabled() and x.requires_grad and weight is None:
        weight, bias = x.new_ones(1, x.shape[1]), x.new_zeros(1, x.shape[1])
    if torch.is_grad_enabled() and weight is not None and bias is not None:
        return _InstanceNorm.apply(x, weight, bias, eps)
    hook = active_hook()
    if hook is not None:
        return _hooked_instance_norm(x, weight, bias, eps, hook)
    work = torch.promote_types(x.dtype, torch.float32)
    normalized = F.instance_norm(x.to(work), eps=eps)
    if weight is None or bias is None:
        return normalized.to(x.dtype)
    return torch.addcmul(_wide(bias, normalized), normalized, _wide(weight, normalized)).to(x.dtype)


def _hooked_instance_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, hook: StatisticsHook
) -> Tensor:
    """The same with statistics that pass through a hook on their way."""
    work = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(work, dim=(2, 3), correction=0)  # (B, C)
    mean, deviation = hook(mean, (variance + eps).sqrt())
    scale = deviation.reciprocal() if weight is None else weight / deviation
    shift = -mean * scale if bias is None else bias - mean * scale
    return torch.addcmul(_wide(shift, work), work, _wide(scale, work)).to(x.dtype)
