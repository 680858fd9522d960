"""AdaIN or CoMatch whose decoder knows the style at every scale, not at relu4_1 alone.

At the deepest features adaptive instance normalization (Huang & Belongie 2017, arXiv 1703.06868) or CoMatch (Zhang &
Dana 2017, arXiv 1703.06953); mean and deviation of the style at all scales predict γ and β of every convolution of the
decoder (Ghiasi et al. 2017, arXiv 1705.06830, § 2, with the encoder's statistics in place of Inception's features); the
photo's features of the other scales enter normalized, as in Avatar-Net (Sheng et al. 2018, arXiv 1805.03857, § 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..losses.functional import calc_mean_std, gram_matrix
from ._base import StyleCode, StyleKind, StyleNetwork
from ._field import StyleField, codes_by_place
from ._layers import Conv2d, instance_norm
from ._mixing import mix_codes, need_style
from ._modulation import Modulation, Modulator
from .adain import ADAIN_EPS, AdaINConfig, adaptive_instance_normalization
from .comatch import CoMatch
from .vgg import VGGConfig, VGGFeatures

MATCHES = ("adain", "comatch")


@dataclass(frozen=True)
class ModulatedAdaINConfig:
    """The encoder and a decoder with one stage for each of the encoder's, deepest first."""

    encoder: VGGConfig
    """Cut at the layer whose statistics are exchanged. Also taken as a mapping of its fields."""
    widths: tuple[int, ...] = (64, 96, 48, 16)
    """Channels of the stages; all but the first begin with a doubling of the resolution."""
    blocks: tuple[int, ...] = (0, 4, 0, 0)
    """Residual blocks at the end of the stages."""
    hidden: int = 96
    """Width of the layer between statistics and γ, β."""
    output_kernel: int = 9
    """Side of the last convolution."""
    match: str = "adain"
    """How the deepest features are given the style's statistics: adain | comatch."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", AdaINConfig(self.encoder).encoder)
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        stages = len(self.encoder.widths)
        if not len(self.widths) == len(self.blocks) == stages >= 2:
            raise ConfigError(
                "The decoder does not fit the encoder.",
                expected=f"widths and blocks for each of {stages} stages, at least two",
                got=f"{len(self.widths)} widths, {len(self.blocks)} blocks",
                do="Give one number a stage, deepest first.",
            )
        if self.match not in MATCHES:
            raise ConfigError(
                "The decoder does not know this way of matching statistics.",
                expected=" | ".join(MATCHES),
                got=repr(self.match),
                do="Choose one of these.",
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready hyperparameters."""
        own = {"widths": list(self.widths), "blocks": list(self.blocks), "hidden": self.hidden}
        return AdaINConfig(self.encoder).to_dict() | own | {"output_kernel": self.output_kernel, "match": self.match}


class ModulatedBlock(nn.Module):
    """x + norm(conv(ReLU(norm(conv(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = Conv2d(width, width, 3, padding_mode="reflect", bias=False)
        self.conv2 = Conv2d(width, width, 3, padding_mode="reflect", bias=False)

    def forward(self, x: Tensor, norm: Modulation) -> Tensor:
        """(B, C, H, W) → the same."""
        return x + norm(self.conv2(F.relu(norm(self.conv1(x)))))


class Stage(nn.Module):
    """A convolution to the stage's width, the photo's features of that scale, residual blocks.

    Args:
        channels: Of the input.
        width: Of the output.
        blocks: Number of residual blocks.
        skipped: Channels of the photo's features; 0: none enter.
    """

    def __init__(self, channels: int, width: int, blocks: int, skipped: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, width, 3, padding_mode="reflect", bias=False)
        self.skip = nn.Conv2d(skipped, width, 1) if skipped else None
        self.blocks = nn.ModuleList(ModulatedBlock(width) for _ in range(blocks))
        self.modulated = (2 * blocks + 1) * width
        """Channels that take a γ and a β."""

    def forward(self, x: Tensor, norm: Modulation, photo: Tensor | None = None) -> Tensor:
        """(B, channels, H, W), photo (B, skipped, H, W) → (B, width, H, W)."""
        x = F.relu(norm(self.conv(x)))
        if self.skip is not None and photo is not None:
            x = x + self.skip(instance_norm(photo))
        for block in self.blocks:
            x = block(x, norm)
        return x


class ModulatedAdaINNet(StyleNetwork):
    """Encode, match statistics, decode with γ and β. Sees RGB in 0..1; the encoder normalizes for itself."""

    style_kind: ClassVar[StyleKind] = "image"
    has_alpha: ClassVar[bool] = True

    def __init__(self, config: ModulatedAdaINConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VGGFeatures(config.encoder).requires_grad_(False)
        firsts = [f"relu{block}_1" for block in range(1, len(config.encoder.widths))]
        self.layers = [*firsts, self.encoder.names[-1]]
        """Whose statistics describe a style, shallow to deep."""
        widths = [block[0] for block in config.encoder.widths[:-1]] + [config.encoder.widths[-1][-1]]
        inputs, skipped = [widths[-1], *config.widths[:-1]], [0, *reversed(widths[:-1])]
        self.stages = nn.ModuleList(map(Stage, inputs, config.widths, config.blocks, skipped))
        self.output = Conv2d(config.widths[-1], 3, config.output_kernel, padding_mode="reflect")
        modulated = sum(stage.modulated for stage in self.stages if isinstance(stage, Stage))
        self.modulator = Modulator([2 * width for width in widths], config.hidden, modulated)
        self.comatch = CoMatch(widths[-1], whitened=True) if config.match == "comatch" else None
        for module in self.stages.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.stride = 2 ** (len(config.encoder.widths) - 1)
        self.min_side = max(2 * self.stride, config.output_kernel)

    def statistics(self, features: dict[str, Tensor]) -> list[Tensor]:
        """μ and σ of each layer in turn, (S, C) each, float32 or better."""
        found: list[Tensor] = []
        for layer in self.layers:
            feature = features[layer]
            parts = calc_mean_std(feature.to(torch.promote_types(feature.dtype, torch.float32)))
            found += [part[:, :, 0, 0] for part in parts]
        return found

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """(S, 3, H, W) → what the deepest layer is matched to, and all γ and β, (S, 2n), float32 or better.

        AdaIN is matched to μ and σ, each (S, C), CoMatch to the Gram matrix (S, C, C).
        """
        return self._code(self.encoder(image, self.layers))

    def _code(self, features: dict[str, Tensor]) -> tuple[Tensor, ...]:
        statistics = self.statistics(features)
        scale_shift = self.modulator(torch.cat(statistics, dim=1))
        if self.comatch is None:
            return statistics[-2], statistics[-1], scale_shift
        deep = features[self.layers[-1]]
        with torch.autocast(deep.device.type, enabled=False):
            return gram_matrix(deep.to(torch.promote_types(deep.dtype, torch.float32))), scale_shift

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) in 0..1 → (B, 3, ⌈H/2ᵏ⌉ · 2ᵏ, …) in 0..1.

        α mixes the style's code with the photo's own, of which the network was trained to make the photo again.
        """
        style = need_style(style, type(self).__name__).without_uniform_masks()
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        features = self.encoder(x, self.layers)
        if style.weights.ndim == 4 or isinstance(style.alpha, Tensor):
            (*targets, scale_shift), maps = codes_by_place(style, self._code(features))
            field, y = StyleField(maps, regional=style.regional), x
            for run in field.runs():
                y = self._match_by_place(features[self.layers[-1]], targets, field, run)
                y = self._decode(y, features, Modulation(scale_shift, field))
            return y
        # a mix of codes is the code of a mix: AdaIN and CoMatch are linear in it
        code = [mix_codes(style.weights, part) for part in style.features]
        if style.alpha != 1:
            code = [
                torch.lerp(own, part.to(own), style.alpha) for own, part in zip(self._code(features), code, strict=True)
            ]
        *targets, scale_shift = code
        return self._decode(self._match(features[self.layers[-1]], targets), features, Modulation(scale_shift))

    def _match(self, deep: Tensor, targets: list[Tensor]) -> Tensor:
        """AdaIN to μ and σ, (B or 1, C) each, or CoMatch to Gram matrices (B or 1, C, C)."""
        if self.comatch is not None:
            return self.comatch(deep, targets[0][:, None], targets[0].new_ones(1, 1))
        mean, std = (part[:, :, None, None] for part in targets)
        return adaptive_instance_normalization(deep, mean, std)

    def _match_by_place(self, deep: Tensor, targets: list[Tensor], field: StyleField, run: int | None) -> Tensor:
        """The same for K styles, (B, K, …) each: for one of them, or for all in their places."""
        if self.comatch is None:
            return field.normalize(deep, targets[1], targets[0], eps=ADAIN_EPS, correction=1)
        if run is not None:
            return self._match(deep, [targets[0][:, run]])
        return self.comatch(deep, targets[0], field.at(deep))

    def _decode(self, deep: Tensor, features: dict[str, Tensor], norm: Modulation) -> Tensor:
        """Features of the deepest layer → the picture."""
        y = self.stages[0](deep, norm)
        for stage, layer in zip(self.stages[1:], reversed(self.layers[:-1]), strict=True):
            y = stage(F.interpolate(y, scale_factor=2, mode="nearest"), norm, features[layer])
        return torch.sigmoid(self.output(y))
