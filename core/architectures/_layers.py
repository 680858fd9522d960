"""Building blocks that several papers share: padded convolution, normalization layers, upsampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._autograd import instance_norm, reflect_pad
from ._field import StyleField
from ._reshaped_convs import conv_after_nearest, conv_to_few_channels, pays_in_training

EPS = 1e-5
"""PyTorch's, Lua Torch's and Magenta's epsilon under the root; lengstrom's networks use 1e-3."""


class Conv2d(nn.Conv2d):
    """A convolution that pads its input the way the checkpoint was trained.

    Args:
        padding_mode: `reflect` | `replicate` | `zero` | `none` (valid) | `same` (TensorFlow's SAME: zeros, at
            stride 2 and even size only below and to the right).
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        *,
        padding_mode: str,
        bias: bool = True,
    ) -> None:
        super().__init__(channels, out_channels, kernel, stride, bias=bias)
        self.pad_with = padding_mode

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        half = kernel // 2
        if self.pad_with == "reflect" and half:
            input = reflect_pad(input, half)
        elif self.pad_with == "replicate" and half:
            input = F.pad(input, (half,) * 4, mode="replicate")
        elif self.pad_with == "zero" and half:
            input = F.pad(input, (half,) * 4)
        elif self.pad_with == "same":
            top, bottom = same_padding(input.shape[-2], kernel, stride)
            left, right = same_padding(input.shape[-1], kernel, stride)
            input = F.pad(input, (left, right, top, bottom))
        if stride == 1 and self.training and pays_in_training(input) and self.out_channels <= 4 < kernel:
            return conv_to_few_channels(input, self.weight, self.bias)
        return super().forward(input)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: output ceil(size / stride), the odd zero goes behind."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


class Upsample2d(nn.Module):
    """×2 and a 3×3 convolution: nearest, bilinear, or a transposed convolution.

    Nearest is the default of the field since Odena et al. 2016 (distill.pub/2016/deconv-checkerboard): the
    transposed convolution of the 2016 nets leaves a checkerboard. `padding_mode="same"` selects
    TensorFlow's alignment of the transposed convolution (gradient of a SAME convolution).
    """

    def __init__(self, channels: int, out_channels: int, *, mode: str, padding_mode: str, bias: bool = True) -> None:
        super().__init__()
        self.mode, self.pad_with = mode, padding_mode
        self.conv: nn.Conv2d | nn.ConvTranspose2d
        if mode == "transposed":
            padding = 0 if padding_mode == "same" else 1
            self.conv = nn.ConvTranspose2d(channels, out_channels, 3, 2, padding, 1 - (padding == 0), bias=bias)
        else:
            self.conv = Conv2d(channels, out_channels, 3, padding_mode=padding_mode, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "transposed":
            height, width = x.shape[-2:]
            return self.conv(x)[..., : 2 * height, : 2 * width]
        if self.mode == "nearest":
            if self.training and pays_in_training(x) and self.pad_with in ("reflect", "replicate", "zero"):
                return conv_after_nearest(x, self.conv.weight, self.conv.bias, self.pad_with)
            return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))


class InstanceNorm(nn.Module):
    """Instance normalization with affine (Ulyanov et al. 2016, eq. 3), applied at test time too."""

    def __init__(self, channels: int, eps: float = EPS) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        return instance_norm(x, self.weight[None], self.bias[None], self.eps)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization: Johnson's original. Statistics of the training set at test time."""

    def forward(self, input: Tensor, style: Tensor | None = None) -> Tensor:
        # in half precision these weights may have stayed float32
        return super().forward(input.to(self.weight.dtype)).to(input.dtype)


class ConditionalInstanceNorm(nn.Module):
    """z = γ_s (x − μ) / σ + β_s, one (γ, β) per style   (Dumoulin et al. 2017, eq. 5).

    Styles mix by convex combination of γ and β; in a field of styles by place, γ and β become maps.
    """

    def __init__(self, channels: int, styles: int, eps: float = EPS) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(styles, channels))
        self.bias = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style: Tensor | StyleField | None = None) -> Tensor:
        """X (B, C, H, W); style weights (B or 1, S), convex over S, or a field of styles by place."""
        if style is None:
            raise TypeError("conditional instance normalization needs style weights")
        if isinstance(style, StyleField):
            scale, shift = self.weight, self.bias
            if style.rows is not None:
                rows = style.rows.to(scale.dtype)
                scale, shift = rows @ scale, rows @ shift
            return style.normalize(x, scale, shift, eps=self.eps)
        style = style.to(self.weight.dtype)
        return instance_norm(x, style @ self.weight, style @ self.bias, self.eps)
