"""VGG feature extractors: one class described by widths, padding and normalization.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv 1409.1556.
Covers VGG16, VGG19, the normalised VGG19 of AdaIN, the 16-times smaller one of Collaborative Distillation
(Wang et al. 2020, arXiv 2003.08436) and our own compact encoder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..normalization import InputNormalization
from ._layers import Conv2d

LAYERS_19 = (2, 2, 4, 4, 4)
LAYERS_16 = (2, 2, 3, 3, 3)


@dataclass(frozen=True)
class VGGConfig:
    """Widths and conventions of one VGG variant."""

    widths: tuple[tuple[int, ...], ...]
    """Output channels per convolution, one tuple a block; the last block may be cut short."""
    padding: str = "zero"
    """zero for the classifiers, reflect for AdaIN's and Collaborative Distillation's."""
    ceil_pool: bool = False
    """Whether pooling keeps an odd last row and column (AdaIN's does)."""
    input_conv: bool = False
    """A 1×1 convolution 3 → 3 in front that holds the normalization (AdaIN's)."""
    normalization: InputNormalization = InputNormalization()

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(tuple(block) for block in self.widths))


class VGGFeatures(nn.Module):
    """Features after named ReLUs: `relu1_1` … `relu5_4`. Takes core images (RGB, 0..1)."""

    def __init__(self, config: VGGConfig) -> None:
        super().__init__()
        self.config = config
        if config.input_conv:
            self.conv0 = Conv2d(3, 3, 1, padding_mode="none")
        channels = 3
        self.names: list[str] = []
        for block, widths in enumerate(config.widths, 1):
            for index, width in enumerate(widths, 1):
                conv = Conv2d(channels, width, 3, padding_mode=config.padding)
                self.add_module(f"conv{block}_{index}", conv)
                self.names.append(f"relu{block}_{index}")
                channels = width

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of the wanted layers; nothing behind the last of them is computed.

        Args:
            image: (B, 3, H, W), RGB, 0..1, floating point; gradients flow.
            layers: Names such as `relu3_1`.

        Returns:
            Name → (B, C, ⌈H/2ᵏ⌉ or ⌊H/2ᵏ⌋, …).

        Raises:
            ConfigError: A layer that this network does not have.
        """
        wanted = list(layers)
        unknown = [name for name in wanted if name not in self.names]
        if unknown:
            raise ConfigError(
                "This encoder has no such layer.",
                expected=", ".join(self.names),
                got=", ".join(unknown),
                do="Choose layers of this list, or a deeper encoder.",
            )
        x = self.config.normalization.encode(image)
        if self.config.input_conv:
            x = self.conv0(x)
        features: dict[str, Tensor] = {}
        block = "1"
        for name in self.names:
            if name[4] != block:
                block = name[4]
                x = F.max_pool2d(x, 2, 2, ceil_mode=self.config.ceil_pool)
            x = F.relu(self.get_submodule("conv" + name[4:])(x), inplace=True)  # what a convolution gives is nobody's
            if name in wanted:
                features[name] = x
                if len(features) == len(set(wanted)):
                    break
        return features


def full_widths(layers: tuple[int, ...] = LAYERS_19) -> tuple[tuple[int, ...], ...]:
    """The classifiers' widths 64-128-256-512-512 for a number of convolutions per block."""
    return tuple((width,) * n for width, n in zip((64, 128, 256, 512, 512), layers, strict=False))


def cut_widths(widths: tuple[tuple[int, ...], ...], last: str) -> tuple[tuple[int, ...], ...]:
    """Widths up to and including layer `last`, e.g. `relu4_1`."""
    block, index = (int(part) for part in last.removeprefix("relu").split("_"))
    return (*widths[: block - 1], widths[block - 1][:index])


def normalised_vgg19(state: dict[str, Tensor]) -> VGGFeatures:
    """AdaIN's `vgg_normalised.pth`, whole or cut: nn.Sequential keys 0, 2, 5, 9, 12, 16, … (naoto0804)."""
    convs = sorted({int(key.split(".")[0]) for key in state})
    names = ["conv0", "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4"]
    names += ["conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1", "conv5_2", "conv5_3", "conv5_4"]
    mapped = {f"{name}.{part}": state[f"{i}.{part}"] for name, i in zip(names, convs, strict=False) for part in PARTS}
    return _from_state(mapped, VGGConfig((), "reflect", ceil_pool=True, input_conv=True))


def small_vgg19(state: dict[str, Tensor]) -> VGGFeatures:
    """Collaborative Distillation's 16× smaller encoder: keys conv0, conv11 … conv51; `_aux` heads are ignored."""
    kept = {key: t for key, t in state.items() if "_aux" not in key}
    mapped = {key if key.startswith("conv0") else f"{key[:5]}_{key[5:]}": t for key, t in kept.items()}
    return _from_state(mapped, VGGConfig((), "reflect", input_conv=True))


PARTS = ("weight", "bias")


def _from_state(state: dict[str, Tensor], template: VGGConfig) -> VGGFeatures:
    """Widths from the shapes of keys conv{block}_{index}.weight."""
    blocks: dict[int, list[int]] = {}
    for key, tensor in sorted(state.items()):
        if key.endswith(".weight") and "_" in key:
            blocks.setdefault(int(key[4]), []).append(tensor.shape[0])
    widths = tuple(tuple(blocks[b]) for b in sorted(blocks))
    network = VGGFeatures(
        VGGConfig(widths, template.padding, template.ceil_pool, template.input_conv, template.normalization)
    )
    network.load_state_dict({key: tensor.to(torch.float32) for key, tensor in state.items()})
    return network.eval().requires_grad_(False)
