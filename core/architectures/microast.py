"""MicroAST: micro encoders, a micro decoder, and a modulator that turns style features into filter changes.

Wang et al. 2023, "MicroAST: Towards Super-Fast Ultra-Resolution Arbitrary Style Transfer", arXiv 2211.15313.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.functional import calc_mean_std
from ._base import StyleCode, StyleKind, StyleNetwork
from ._field import StyleField, codes_by_place
from ._mixing import mix, need_style
from .adain import ADAIN_EPS, adaptive_instance_normalization


@dataclass(frozen=True)
class MicroASTConfig:
    """Widths; the defaults are those of the published model."""

    widths: tuple[int, int, int] = (16, 32, 64)
    """Channels at full, half and quarter resolution."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))


def conv(channels: int, width: int, kernel: int, stride: int = 1, *, groups: int = 1) -> nn.Conv2d:
    """Convolution with reflection padding."""
    return nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, groups=groups, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))); modulated, each convolution f(x) becomes w · f(x) + b · x   (eq. 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv(width, width, 3)
        self.conv2 = conv(width, width, 3)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """X (B, C, H, W); `weight` and `bias` both or neither, broadcastable to it."""
        if weight is None or bias is None:
            return x + self.conv2(F.relu(self.conv1(x)))
        y = F.relu(weight * self.conv1(x) + bias * x)
        return x + weight * self.conv2(y) + bias * y


class Encoder(nn.Module):
    """Two stride-2 depthwise-separable stages and two residual blocks, whose outputs both count."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        w1, w2, w3 = widths
        self.stem = conv(3, w1, 9)
        self.depthwise = nn.ModuleList([conv(w1, w2, 3, 2, groups=w1), conv(w2, w3, 3, 2, groups=w2)])
        self.pointwise = nn.ModuleList([conv(w2, w2, 1), conv(w3, w3, 1)])
        self.blocks = nn.ModuleList([ResidualBlock(w3), ResidualBlock(w3)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) → features of two levels, each (B, C, ⌈⌈H/2⌉/2⌉, …)."""
        x = F.relu(self.stem(x))
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            x = F.relu(pointwise(F.relu(depthwise(x))))
        first = self.blocks[0](x)
        return first, self.blocks[1](first)


class Modulator(nn.Module):
    """Depthwise convolutions, averaged: one factor and one skip factor per channel and level   (§ 3.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.ModuleList(conv(width, width, 3, groups=width) for _ in range(2))
        self.bias = nn.ModuleList(conv(width, width, 3, groups=width) for _ in range(2))

    def forward(self, level: int, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features of one level (S, C, H, W) → two (S, C)."""
        return self.weight[level](features).mean((2, 3)), self.bias[level](features).mean((2, 3))


class Decoder(nn.Module):
    """Two modulated residual blocks, two bilinear ×2 with depthwise-separable convolutions, 9×9 conv."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        w1, w2, w3 = widths
        self.blocks = nn.ModuleList([ResidualBlock(w3), ResidualBlock(w3)])
        self.depthwise = nn.ModuleList([conv(w3, w2, 3, groups=w2), conv(w2, w1, 3, groups=w1)])
        self.pointwise = nn.ModuleList([conv(w2, w2, 1), conv(w1, w1, 1)])
        self.output = conv(w1, 3, 9)

    def upsample(self, x: Tensor) -> Tensor:
        """Quarter resolution to the picture."""
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.relu(pointwise(F.relu(depthwise(x))))
        return self.output(x)


class MicroAST(StyleNetwork):
    """Content through modulated blocks, deep level first. Sees RGB in 0..1."""

    style_kind: ClassVar[StyleKind] = "image"
    has_alpha: ClassVar[bool] = True

    def __init__(self, config: MicroASTConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MicroASTConfig()
        self.content_encoder = Encoder(config.widths)
        self.style_encoder = Encoder(config.widths)
        self.modulator = Modulator(config.widths[2])
        self.decoder = Decoder(config.widths)
        self.min_side = 8

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """(S, 3, H, W) → μ, σ, filter weight and bias of the shallow, then of the deep level; each (S, C)."""
        parts: list[Tensor] = []
        for level, features in enumerate(self.style_encoder(image)):
            work = features.to(torch.promote_types(features.dtype, torch.float32))
            parts += [statistic[:, :, 0, 0] for statistic in calc_mean_std(work)]
            parts += self.modulator(level, features)
        return tuple(parts)

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) in 0..1 → (B, 3, 4⌈⌈H/2⌉/2⌉, …), not clamped.

        α mixes the style's code with the photo's own, of which the network makes the photo again. The α of the
        authors' release mixes features instead, and leaves the range of the decoder: with the published weights
        the picture is a plain colour at 0.8 already.
        """
        style = need_style(style, type(self).__name__)
        by_place = style.weights.ndim == 4 or isinstance(style.alpha, Tensor)
        own = self.encode_style(x) if by_place or style.alpha != 1 else ()
        _, x = self.content_encoder(x)
        if by_place:
            return self.decoder.upsample(self._paint_by_place(x, style, own))
        mixed = [mix(style.weights, part) for part in style.features]
        if own:
            mixed = [
                torch.lerp(of_photo[:, :, None, None], part, style.alpha)
                for of_photo, part in zip(own, mixed, strict=True)
            ]
        for block, (mean, std, weight, bias) in zip(self.decoder.blocks, (mixed[4:], mixed[:4]), strict=True):
            x = adaptive_instance_normalization(x, mean, std)
            x = block(x, weight.to(x.dtype), bias.to(x.dtype))
        return self.decoder.upsample(x)

    def _paint_by_place(self, content: Tensor, style: StyleCode, own: tuple[Tensor, ...]) -> Tensor:
        """The modulated blocks with every style in its place; a map of α gives the rest to the photo's own code."""
        codes, maps = codes_by_place(style, own)
        field, x = StyleField(maps, regional=style.regional), content
        for _ in field.runs():
            x = content
            for block, (mean, std, weight, bias) in zip(self.decoder.blocks, (codes[4:], codes[:4]), strict=True):
                x = field.normalize(x, std, mean, eps=ADAIN_EPS, correction=1)
                x = block(x, field.blend(weight, x).to(x.dtype), field.blend(bias, x).to(x.dtype))
        return x
