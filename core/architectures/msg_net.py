"""MSG-Net: a generator whose CoMatch layer matches the Gram matrix of any style picture at run time.

Zhang & Dana 2017, "Multi-style Generative Network for Real-time Transfer", arXiv 1703.06953. Pre-activation
bottlenecks, instance normalization without affine, upsampling residual blocks (§ 4.2).

Norms without affine take away whatever mean and deviation the style gave to a channel, and with them most of its
colour and contrast. So the networks that this pack trains let the style's statistics steer the norms behind CoMatch
too (`MsgNetConfig.hidden`; docs/adr/0015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.functional import calc_mean_std, gram_matrix
from ._base import StyleCode, StyleKind, StyleNetwork
from ._field import StyleField
from ._layers import EPS, Conv2d, instance_norm
from ._mixing import need_style
from ._modulation import Modulation, Modulator
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
    hidden: int = 0
    """Width of the layer between a style's statistics and γ, β of all norms behind CoMatch; 0: none, as published."""
    skip: bool = False
    """Whether the photo's features at half and full resolution enter the decoder too; as published: no."""

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
        self.normalized = channels + 2 * inner
        """Channels that go through a norm."""

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
        # the Gram matrix is a mean over channels too, about 1 / C
        self.comatch = CoMatch(trunk, gain=trunk if config.hidden else 1.0)
        self.blocks = nn.Sequential(*(Bottleneck(trunk, config.width, e) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            Bottleneck(trunk, config.up[0], e, upsample=True),
            Bottleneck(config.up[0] * e, config.up[1], e, upsample=True),
        )
        self.output = Conv2d(config.up[1] * e, 3, 7, padding_mode="reflect")
        self.skips: nn.ModuleList | None = None
        if config.skip:
            ends = ((config.down * e, config.up[0] * e), (config.stem, config.up[1] * e))
            self.skips = nn.ModuleList(nn.Conv2d(seen, painted, 1) for seen, painted in ends)
        self.modulator: Modulator | None = None
        if config.hidden:
            decoder = cast("list[Bottleneck]", [*self.blocks, *self.up])
            normalized = sum(block.normalized for block in decoder) + config.up[1] * e
            scales = [2 * channels for channels in (3, config.stem, config.down * e, trunk)]
            self.modulator = Modulator(scales, config.hidden, normalized)
        self.min_side = 8
        self.stride = 4 if config.skip else 1
        """What the sides of the photo are grown to a multiple of, so that what skips fits."""

    def encode(self, image: Tensor, norm: Norm = instance_norm) -> Tensor:
        """(B, 3, H, W) → (B, C, ⌈⌈H/2⌉/2⌉, …): what CoMatch sees of photo and painting alike."""
        return self._features(image, norm)[-1]

    def _features(self, image: Tensor, norm: Norm = instance_norm) -> list[Tensor]:
        """Results of the stem before its norm, and of the bottlenecks that follow."""
        found = [self.stem(image)]
        x = F.relu(norm(found[0]))
        for block in self.down:
            x = block(x, norm)
            found.append(x)
        return found

    def describe(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Style pictures (S, 3, H, W) → Gram matrices (S, C, C) and the modulator's input (S, n), float32 or better."""
        features = [f.to(torch.promote_types(f.dtype, torch.float32)) for f in (image, *self._features(image))]
        statistics = [part[:, :, 0, 0] for f in features for part in calc_mean_std(f)]
        return gram_matrix(features[-1]), torch.cat(statistics, dim=1)

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """(S, 3, H, W) → the Gram matrices (S, C, C), divided by C·H·W; with a modulator γ and β, (S, 2n), too.

        Float32 or better.
        """
        gram, statistics = self.describe(image)
        return (gram,) if self.modulator is None else (gram, self.modulator(statistics))

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) → (B, 3, 4⌈⌈H/2⌉/2⌉, …), in the range it was trained on."""
        style = need_style(style, type(self).__name__)
        grams, *steered = style.features
        x = F.pad(x, (0, -x.shape[-1] % self.stride, 0, -x.shape[-2] % self.stride), mode="replicate")
        if style.weights.ndim == 2:
            weights = style.weights
            norm = Modulation(weights.to(steered[0].dtype) @ steered[0]) if steered else instance_norm
            features = self._features(x)
            return self._decode(self.comatch(features[-1], grams, weights), norm, self._skipped(features))
        field, result = StyleField(style.weights, regional=style.regional), x
        for run in field.runs():

            def plain(features: Tensor) -> Tensor:
                return field.normalize(features, eps=EPS)

            features = self._features(x, plain)
            weights = field.at(features[-1]) if run is None else F.one_hot(torch.tensor([run]), len(grams))
            norm = Modulation(steered[0], field) if steered else plain
            matched = self.comatch(features[-1], grams, weights.to(x.device))
            result = self._decode(matched, norm, self._skipped(features, plain))
        return result

    def _skipped(self, features: list[Tensor], norm: Norm = instance_norm) -> list[Tensor]:
        """What is added behind each upsampling bottleneck, from `_features`; empty without skips."""
        if self.skips is None:
            return []
        return [skip(F.relu(norm(x))) for skip, x in zip(self.skips, (features[1], features[0]), strict=True)]

    def _decode(self, x: Tensor, norm: Norm, skipped: list[Tensor]) -> Tensor:
        """CoMatch's result (B, C, h, w) → picture."""
        for block in self.blocks:
            x = block(x, norm)
        for index, block in enumerate(self.up):
            x = block(x, norm)
            if skipped:
                x = x + skipped[index]
        return self.output(F.relu(norm(x)))
