"""Image transformation network, with batch, instance or conditional instance normalization.

Johnson, Alahi, Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
arXiv 1603.08155, and its supplement; instance normalization: Ulyanov, Vedaldi, Lempitsky 2016, arXiv 1607.08022;
conditional instance normalization: Dumoulin, Shlens, Kudlur 2017, arXiv 1610.07629.
`TransformerNet` is the field's name for it; it is no attention Transformer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ._base import StyleCode, StyleNetwork
from ._field import StyleField
from ._layers import EPS, BatchNorm, ConditionalInstanceNorm, Conv2d, InstanceNorm, Upsample2d
from ._sigmoid import sigmoid

CHOICES = {
    "norm": ("instance", "batch", "conditional"),
    "padding": ("reflect", "replicate", "zero", "same"),
    "down_padding": ("reflect", "replicate", "zero", "same"),
    "block_padding": ("reflect", "replicate", "zero", "same", "none"),
    "upsampling": ("nearest", "bilinear", "transposed"),
    "output": ("linear", "tanh", "sigmoid"),
}


@dataclass(frozen=True)
class TransformerConfig:
    """Every choice in which the published and the circulating networks differ. Defaults: pytorch/examples."""

    encoder_widths: tuple[int, int, int] = (32, 64, 128)
    """Channels after the 9×9 and the two stride-2 convolutions."""
    decoder_widths: tuple[int, int] = (64, 32)
    """Channels after the two ×2 upsamplings."""
    blocks: int = 5
    """Residual blocks."""
    bottleneck: int = 0
    """0: two 3×3 convolutions a block. Otherwise 1×1, 3×3, 1×1 with that inner width (rrmina's "ResNeXt")."""
    norm: str = "instance"
    styles: int = 1
    """Styles of conditional instance normalization."""
    eps: float = EPS
    padding: str = "reflect"
    down_padding: str = ""
    """Padding of the two stride-2 convolutions; empty: as `padding` (jcjohnson: always zero)."""
    block_padding: str = ""
    """Padding in the residual blocks, `none` crops the skip instead; empty: as `padding`."""
    start_padding: int = 0
    """Reflection padding once before the first convolution (jcjohnson: 40)."""
    upsampling: str = "nearest"
    bias: bool = True
    """Bias in convolutions that a normalization follows."""
    output_norm: bool = False
    """Normalization also after the last convolution (lengstrom, Magenta)."""
    output: str = "linear"
    output_scale: float = 1.0
    """Factor on tanh (150 in the paper's code)."""
    output_offset: float = 0.0
    """Added behind the activation (127.5 in lengstrom's)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder_widths", tuple(self.encoder_widths))
        object.__setattr__(self, "decoder_widths", tuple(self.decoder_widths))
        object.__setattr__(self, "down_padding", self.down_padding or self.padding)
        object.__setattr__(self, "block_padding", self.block_padding or self.padding)
        for option, choices in CHOICES.items():
            if getattr(self, option) not in choices:
                raise ConfigError(
                    f"TransformerNet has no {option} `{getattr(self, option)}`.",
                    expected=" | ".join(choices),
                    got=repr(getattr(self, option)),
                    do="Correct the option, or update Brushwork if the file is newer.",
                )


class ConvNorm(nn.Module):
    """Convolution and normalization, as in every stage of the network."""

    def __init__(self, config: TransformerConfig, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm: InstanceNorm | BatchNorm | ConditionalInstanceNorm
        if config.norm == "conditional":
            self.norm = ConditionalInstanceNorm(channels, config.styles, config.eps)
        elif config.norm == "batch":
            self.norm = BatchNorm(channels, config.eps)
        else:
            self.norm = InstanceNorm(channels, config.eps)

    def forward(self, x: Tensor, style: Tensor | StyleField | None) -> Tensor:
        """(B, C, H, W); style weights only where the normalization is conditional."""
        return self.norm(self.conv(x), style)


class ResidualBlock(nn.Module):
    """x + f(x), no ReLU after the addition (Gross & Wilber's variant, as the supplement says)."""

    def __init__(self, config: TransformerConfig, width: int) -> None:
        super().__init__()
        inner = config.bottleneck or width
        plan = [(width, inner, 1), (inner, inner, 3), (inner, width, 1)]
        if not config.bottleneck:
            plan = [(width, width, 3), (width, width, 3)]
        self.layers = nn.ModuleList(
            ConvNorm(config, Conv2d(a, b, k, padding_mode=config.block_padding, bias=config.bias), b)
            for a, b, k in plan
        )
        self.crop = sum(k // 2 for _, _, k in plan) if config.block_padding == "none" else 0

    def forward(self, x: Tensor, style: Tensor | StyleField | None) -> Tensor:
        """(B, C, H, W) → the same, smaller by `2 · crop` on each axis without padding."""
        y = x
        for i, layer in enumerate(self.layers):
            y = layer(F.relu(y) if i else y, style)
        return y + (x[..., self.crop : -self.crop, self.crop : -self.crop] if self.crop else x)


class TransformerNet(StyleNetwork):
    """9×9 conv, two stride-2 convs, residual blocks, two ×2 upsamplings, 9×9 conv."""

    def __init__(self, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TransformerConfig()
        w1, w2, w3 = config.encoder_widths
        d1, d2 = config.decoder_widths

        def conv(channels: int, width: int, kernel: int, stride: int, *, bias: bool) -> Conv2d:
            padding = config.padding if stride == 1 else config.down_padding
            return Conv2d(channels, width, kernel, stride, padding_mode=padding, bias=bias)

        def up(channels: int, width: int) -> Upsample2d:
            return Upsample2d(channels, width, mode=config.upsampling, padding_mode=config.padding, bias=config.bias)

        self.encoder = nn.ModuleList(
            [
                ConvNorm(config, conv(3, w1, 9, 1, bias=config.bias), w1),
                ConvNorm(config, conv(w1, w2, 3, 2, bias=config.bias), w2),
                ConvNorm(config, conv(w2, w3, 3, 2, bias=config.bias), w3),
            ]
        )
        self.blocks = nn.ModuleList(ResidualBlock(config, w3) for _ in range(config.blocks))
        self.decoder = nn.ModuleList([ConvNorm(config, up(w3, d1), d1), ConvNorm(config, up(d1, d2), d2)])
        last = conv(d2, 3, 9, 1, bias=config.bias or not config.output_norm)
        self.output = ConvNorm(config, last, 3) if config.output_norm else last
        self.min_side = max(8, config.start_padding + 1)

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) → (B, 3, 4⌈⌈H/2⌉/2⌉, …); `style` only with conditional normalization."""
        return self.paint(x, None if style is None else style.weights)

    def paint(self, x: Tensor, weights: Tensor | StyleField | None) -> Tensor:
        """One pass, with what the normalization layers take of a style."""
        if self.config.start_padding:
            x = F.pad(x, (self.config.start_padding,) * 4, mode="reflect")
        for layer in self.encoder:
            x = F.relu(layer(x, weights))
        for block in self.blocks:
            x = block(x, weights)
        for layer in self.decoder:
            x = F.relu(layer(x, weights))
        x = self.output(x, weights) if isinstance(self.output, ConvNorm) else self.output(x)
        if self.config.output == "tanh":
            x = torch.tanh(x) * self.config.output_scale
        elif self.config.output == "sigmoid":
            x = sigmoid(x) if self.config.norm == "batch" else torch.sigmoid(x)
        return x + self.config.output_offset if self.config.output_offset else x
