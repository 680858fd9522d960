"""Layers of the style loss as people write them: `relu1_1=1 relu3_1=2`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ..core.errors import ConfigError

LAYER = re.compile(r"relu[1-5]_[1-4]")

LayerWeights = tuple[tuple[str, float], ...]


def parse_layer_weights(words: Sequence[str]) -> LayerWeights:
    """`NAME=WEIGHT` or `NAME` (weight 1) each → names and weights, in that order.

    Raises:
        ConfigError: No layer of a VGG, a layer named twice, or a weight that is no number above 0.
    """
    found: dict[str, float] = {}
    for word in words:
        name, _, weight = word.partition("=")
        value = _number(weight) if weight else 1.0
        if not LAYER.fullmatch(name) or name in found or not (value > 0 and math.isfinite(value)):
            raise ConfigError(
                "The layers of the style loss cannot be read.",
                expected="names such as relu3_1, each once, with a weight above 0: relu1_1=1 relu3_1=2",
                got=word,
                do="Correct the list, or leave it out: relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 weigh the same.",
            )
        found[name] = value
    return tuple(found.items())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
