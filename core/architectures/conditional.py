"""N styles in one network: the image transformation network with conditional instance normalization.

Dumoulin, Shlens, Kudlur 2017, "A Learned Representation for Artistic Style", arXiv 1610.07629.
The network is TransformerNet's; only the normalization layers know of styles.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ._base import StyleCode, StyleKind
from ._field import StyleField
from ._layers import ConditionalInstanceNorm
from .transformer_net import TransformerConfig, TransformerNet


class ConditionalTransformerNet(TransformerNet):
    """TransformerNet whose γ and β are chosen, mixed or painted per pixel by style weights."""

    style_kind: ClassVar[StyleKind] = "conditional"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """As TransformerNet; without `style` the first style paints."""
        if style is None:
            style = StyleCode(one_hot(0, self.config.styles, x))
        style = style.without_uniform_masks()
        if style.weights.ndim == 2:
            return self.paint(x, style.weights)
        field = StyleField(style.weights, style.rows, regional=style.regional)
        result = x
        for _ in field.runs():
            result = self.paint(x, field)
        return result

    def style_layers(self) -> list[ConditionalInstanceNorm]:
        """All conditional layers in order: what `add style` trains and nothing else."""
        return [m for m in self.modules() if isinstance(m, ConditionalInstanceNorm)]


def one_hot(index: int, styles: int, like: Tensor) -> Tensor:
    """(1, S) weights that choose one style, in the dtype and on the device of `like`."""
    weights = torch.zeros(1, styles, dtype=like.dtype, device=like.device)
    weights[0, index] = 1
    return weights
