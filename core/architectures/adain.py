"""AdaIN: the statistics of one picture's features given to another's, then decoded.

Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
arXiv 1703.06868.
The encoder is a fixed VGG, the decoder its mirror with nearest upsampling instead of pooling (§ 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.functional import calc_mean_std
from ..normalization import InputNormalization
from ._base import StyleCode, StyleKind, StyleNetwork
from ._field import StyleField
from ._layers import Conv2d
from ._mixing import mix, need_style, style_maps
from ._statistics import active_hook
from .vgg import LAYERS_19, VGGConfig, VGGFeatures, cut_widths, full_widths

REFERENCE_ENCODER = VGGConfig(cut_widths(full_widths(LAYERS_19), "relu4_1"), "reflect", ceil_pool=True, input_conv=True)
"""The normalised VGG19 up to relu4_1 that the published decoders were trained with."""


ADAIN_EPS = 1e-5
"""Of the reference implementation, added to the unbiased variance."""


@dataclass(frozen=True)
class AdaINConfig:
    """The encoder; the decoder follows from it."""

    encoder: VGGConfig = REFERENCE_ENCODER
    """Cut at the layer whose statistics are exchanged. Also taken as a mapping of its fields."""

    def __post_init__(self) -> None:
        if isinstance(self.encoder, Mapping):
            fields: dict[str, Any] = dict(self.encoder)
            if isinstance(fields.get("normalization"), Mapping):
                fields["normalization"] = InputNormalization(**fields["normalization"])
            object.__setattr__(self, "encoder", VGGConfig(**fields))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready hyperparameters."""
        encoder = self.encoder
        return {
            "encoder": {
                "widths": [list(block) for block in encoder.widths],
                "padding": encoder.padding,
                "ceil_pool": encoder.ceil_pool,
                "input_conv": encoder.input_conv,
                "normalization": encoder.normalization.to_dict(),
            }
        }


def adaptive_instance_normalization(content: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Give `content` the channel-wise mean and deviation of a style.

    AdaIN(c, s) = σ(s) · (c − μ(c)) / σ(c) + μ(s)          (Huang & Belongie 2017, eq. 8)

    Args:
        content: Features (B, C, H, W), floating point, any device.
        mean: μ(s), broadcastable to `content`: (B or 1, C, 1, 1), or a map of it.
        std: σ(s), likewise.

    Returns:
        New tensor (B, C, H, W), same dtype and device; statistics are taken in float32 or better, with the
        unbiased variance + 1e-5 of the reference implementation.
    """
    work = content.to(torch.promote_types(content.dtype, torch.float32))
    own_mean, own_std = calc_mean_std(work, ADAIN_EPS)
    hook = active_hook()
    if hook is not None:
        own_mean, own_std = (part[:, :, None, None] for part in hook(own_mean[:, :, 0, 0], own_std[:, :, 0, 0]))
    return ((work - own_mean) / own_std * std.to(work.dtype) + mean.to(work.dtype)).to(content.dtype)


class Decoder(nn.Module):
    """The encoder backwards: each convolution in → out becomes out → in, each pooling a nearest ×2."""

    def __init__(self, encoder: VGGConfig) -> None:
        super().__init__()
        self.names: list[str] = []
        self.doubled: set[str] = set()
        """Convolutions before which the encoder pools; here upsampling follows them."""
        channels = 3
        layers: list[tuple[str, Conv2d]] = []
        for block, widths in enumerate(encoder.widths, 1):
            for index, width in enumerate(widths, 1):
                name = f"conv{block}_{index}"
                layers.append((name, Conv2d(width, channels, 3, padding_mode="reflect")))
                if block > 1 and index == 1:
                    self.doubled.add(name)
                channels = width
        for name, layer in reversed(layers):
            self.names.append(name)
            self.add_module(name, layer)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 3, h · 2ᵏ, w · 2ᵏ), no activation at the end."""
        x = features
        for name in self.names:
            x = self.get_submodule(name)(x)
            if name != self.names[-1]:
                x = F.relu(x)
            if name in self.doubled:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
        return x


class AdaINNet(StyleNetwork):
    """Encode, exchange mean and deviation, decode. Sees RGB in 0..1; the encoder normalizes for itself."""

    style_kind: ClassVar[StyleKind] = "image"
    has_alpha: ClassVar[bool] = True

    def __init__(self, config: AdaINConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AdaINConfig()
        self.encoder = VGGFeatures(config.encoder).requires_grad_(False)
        self.decoder = Decoder(config.encoder)
        self.layer = self.encoder.names[-1]
        pools = len(config.encoder.widths) - 1
        self.stride = 2**pools
        # the deepest features need two positions for reflection padding and an unbiased variance
        self.min_side = self.stride + 1 if config.encoder.ceil_pool else 2 * self.stride

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) → features of the last layer (B, C, h, w)."""
        return self.encoder(image, [self.layer])[self.layer]

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """(S, 3, H, W) → μ (S, C) and σ (S, C), float32 or better: all that the method takes of a style."""
        features = self.encode(image)
        mean, std = calc_mean_std(features.to(torch.promote_types(features.dtype, torch.float32)))
        return mean[:, :, 0, 0], std[:, :, 0, 0]

    def transfer(self, content: Tensor, style: StyleCode) -> Tensor:
        """The decoder's input: AdaIN towards each style, mixed, then α between content and that (eq. 14, 15).

        AdaIN is linear in (μ, σ), so mixing these is mixing the results; with pixel weights they become maps, and
        the statistics of the content, if `style.regional`, those of the regions (§ 7.4).
        """
        style, (mean, std) = style.without_uniform_masks(), style.features
        if style.weights.ndim == 2:
            target = adaptive_instance_normalization(content, mix(style.weights, mean), mix(style.weights, std))
        else:
            field, target = StyleField(style.weights, regional=style.regional), content
            for _ in field.runs():  # nothing in front depends on the style: only this step runs more than once
                target = field.normalize(content, std, mean, eps=ADAIN_EPS, correction=1)
        if isinstance(style.alpha, Tensor):
            size = (content.shape[-2], content.shape[-1])
            return torch.lerp(content, target, style_maps(style.alpha, size, dtype=content.dtype))
        return target if style.alpha == 1 else torch.lerp(content, target, style.alpha)

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) in 0..1 → (B, 3, ⌈H/2ᵏ⌉ · 2ᵏ, …), not clamped."""
        style = need_style(style, type(self).__name__)
        if not self.config.encoder.ceil_pool:  # floor pooling would lose the last rows and columns
            height, width = x.shape[-2:]
            x = F.pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        return self.decoder(self.transfer(self.encode(x), style))
