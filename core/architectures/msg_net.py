"""MSG-Net: a generator whose CoMatch layer matches the Gram matrix of any style picture at run time.

Zhang & Dana 2017, "Multi-style Generative Network for Real-time Transfer", arXiv 1703.06953. Pre-activation
bottlenecks, instance normalization without affine, upsampling residual blocks (§ 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.functional import gram_matrix
from ._base import StyleCode, StyleKind, StyleNetwork
from ._field import StyleField
from ._layers import EPS, Conv2d, instance_norm
from ._mixing import need_style
from .comatch import CoMatch

Norm = Callable[[Tensor], Tensor]
"""Normalization without affine, (B, C, H, W) → the same."""


@dataclass(frozen=True)
class MsgNetConfig:
    """Widths; the defaults are those of the published 21-style model."""

    width: int = 128
    """Inner channels of the trunk's bottlenecks."""
    blocks: int = 6
    """Bottlenecks behind CoMatch."""
    stem: int = 64
    """Channels after the first 7×7."""
    down: int = 32
    """Inner channels of the first stride-2 bottleneck."""
    up: tuple[int, int] = (32, 16)
    """Inner channels of the two upsampling bottlenecks."""
    expansion: int = 4
    """Outer channels of a bottleneck over its inner ones."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "up", tuple(self.up))


class Bottleneck(nn.Module):
    """Norm, ReLU, conv, thrice (1×1, 3×3, 1×1), plus a shortcut (He et al. 2016, arXiv 1603.05027).

    Args:
        channels: Of the input.
        inner: Of the 3×3 convolution; the output has `inner · expansion`.
        stride: 2 halves the resolution.
        upsample: True doubles it by nearest neighbour, in the shortcut too.
    """

    def __init__(self, channels: int, inner: int, expansion: int, *, stride: int = 1, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        outer = inner * expansion
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.spatial = Conv2d(inner, inner, 3, stride, padding_mode="reflect")
        self.expand = nn.Conv2d(inner, outer, 1)
        straight = channels == outer and stride == 1 and not upsample
        self.shortcut = None if straight else nn.Conv2d(channels, outer, 1)
        self.stride = stride

    def forward(self, x: Tensor, norm: Norm = instance_norm) -> Tensor:
        """(B, channels, H, W) → (B, inner · expansion, ⌈H/2⌉ or H or 2H, …)."""
        y = self.reduce(F.relu(norm(x)))
        y = F.relu(norm(y))
        y = self.spatial(_double(y) if self.upsample else y)
        y = self.expand(F.relu(norm(y)))
        if self.shortcut is not None:
            # a 1×1 convolution commutes with nearest upsampling: four times less to multiply
            # and with taking every second pixel: the backward pass of a channels_last 1×1 convolution with stride 2
            # corrupts the heap on the CPU (seen with torch 2.11, few channels)
            x = self.shortcut(x[..., :: self.stride, :: self.stride])
            x = _double(x) if self.upsample else x
        return x + y


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class MsgNet(StyleNetwork):
    """7×7 conv, two stride-2 bottlenecks, CoMatch, bottlenecks, two upsampling bottlenecks, 7×7 conv."""

    style_kind: ClassVar[StyleKind] = "image"

    def __init__(self, config: MsgNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MsgNetConfig()
        e = config.expansion
        trunk = config.width * e
        self.stem = Conv2d(3, config.stem, 7, padding_mode="reflect")
        self.down = nn.Sequential(
            Bottleneck(config.stem, config.down, e, stride=2),
            Bottleneck(config.down * e, config.width, e, stride=2),
        )
        self.comatch = CoMatch(trunk)
        self.blocks = nn.Sequential(*(Bottleneck(trunk, config.width, e) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            Bottleneck(trunk, config.up[0], e, upsample=True),
            Bottleneck(config.up[0] * e, config.up[1], e, upsample=True),
        )
        self.output = Conv2d(config.up[1] * e, 3, 7, padding_mode="reflect")
        self.min_side = 8

    def encode(self, image: Tensor, norm: Norm = instance_norm) -> Tensor:
        """(B, 3, H, W) → (B, C, ⌈⌈H/2⌉/2⌉, …): what CoMatch sees of photo and painting alike."""
        x = F.relu(norm(self.stem(image)))
        for block in self.down:
            x = block(x, norm)
        return x

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """(S, 3, H, W) → the Gram matrices (S, C, C), divided by C·H·W, float32 or better."""
        features = self.encode(image)
        return (gram_matrix(features.to(torch.promote_types(features.dtype, torch.float32))),)

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) → (B, 3, 4⌈⌈H/2⌉/2⌉, …), in the range it was trained on."""
        style = need_style(style, type(self).__name__)
        (grams,) = style.features
        if style.weights.ndim == 2:
            return self._decode(self.comatch(self.encode(x), grams, style.weights), instance_norm)
        field, result = StyleField(style.weights, regional=style.regional), x
        for run in field.runs():

            def norm(features: Tensor) -> Tensor:
                return field.normalize(features, eps=EPS)

            features = self.encode(x, norm)
            weights = field.at(features) if run is None else F.one_hot(torch.tensor([run]), len(grams))
            result = self._decode(self.comatch(features, grams, weights.to(x.device)), norm)
        return result

    def _decode(self, x: Tensor, norm: Norm) -> Tensor:
        """CoMatch's result (B, C, h, w) → picture."""
        for block in (*self.blocks, *self.up):
            x = block(x, norm)
        return self.output(F.relu(norm(x)))
