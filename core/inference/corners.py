"""Four styles in the corners of a square, and every mix between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ..errors import ConfigError
from ..mix_pad import pad_weights
from ..style_model import StyleLayer


def corner_mix(corners: Sequence[StyleLayer], x: float, y: float) -> list[StyleLayer]:
    """The mix at a place of the square: bilinear weights, which sum to 1.

    Args:
        corners: Upper left, upper right, lower left, lower right. Their own weights are factors.
        x: 0 (left) to 1 (right).
        y: 0 (above) to 1 (below).

    Returns:
        The layers with a weight above 0; in a corner one alone.

    Raises:
        ConfigError: Another number of corners, or a place outside the square.
    """
    if len(corners) != 4:
        raise ConfigError(
            "A mix of corners needs four styles.",
            expected="upper left, upper right, lower left, lower right",
            got=f"{len(corners)} styles",
            do="Name a style twice where you have fewer.",
        )
    weights = pad_weights([str(index) for index in range(4)], x, y)
    return [
        replace(layer, weight=layer.weight * weights[str(index)])
        for index, layer in enumerate(corners)
        if weights[str(index)] > 0
    ]


def average(pictures: Sequence[Tensor], weight: float = 1.0, mask: Tensor | None = None) -> list[StyleLayer]:
    """Several style pictures (1, 3, h, w), of any sizes, as one style: the mean of what a network takes of each.

    For AdaIN that is the mean of μ and of σ, for CoMatch of the Gram matrices.
    """
    return [StyleLayer(picture, weight / len(pictures), mask) for picture in pictures]
