"""Stroke size by choice of style: between the sizes that a model was trained at, or of the style picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ..images import resize_image
from ..spec import IDENTITY
from ..style_model import StyleLayer, StyleModel, StyleSelection

SUFFIXES = ("--small", "--large")

TRAINED_EFFECT = 0.25
"""Exponent: strokes of a painting that was learned at twice the size are not twice as wide, but 1.17 times (median of
the CIN starter's eleven paintings, by benchmarks/stroke_scale.py); the network's resolution has to do the rest."""

PICTURE_EFFECT = 0.125
"""The same for a style picture that is shown at twice the size: 1.09 times (median over the AdaIN and the CoMatch
starter, three paintings, halved and doubled)."""

PICTURE_RANGE = (0.5, 2.0)
"""Factors that a style picture may be scaled by: beyond them its texture is no longer what a network was shown."""


def with_stroke_size(model: StyleModel, style: StyleSelection, size: float) -> tuple[StyleSelection, float]:
    """Do what the model itself can for a stroke size.

    Conditional models that learned a painting at several sizes mix the two nearest, γ and β linear in log size;
    pictures for any-style models are scaled by √size. The rest is left to the network's resolution.

    Args:
        model: The model.
        style: As for `StyleModel`.
        size: Factor on the stroke size of `style`.

    Returns:
        The selection to paint with, and the factor that is left; `style` itself and 1 at size 1.
    """
    if size == 1:
        return style, 1.0
    if model.style_kind == "image":
        factor = min(max(math.sqrt(size), PICTURE_RANGE[0]), PICTURE_RANGE[1])
        return _scaled_pictures(style, factor), size / factor**PICTURE_EFFECT
    if model.style_kind == "fixed":
        return style, size
    layers = _layers(style)
    families = [_family(model, layer) for layer in layers]
    low = max((min(family) for family in families if family), default=1.0)
    high = min((max(family) for family in families if family), default=1.0)
    inside = min(max(size, low), high)
    mixed: list[StyleLayer] = []
    for layer, family in zip(layers, families, strict=True):
        mixed += _between(layer, family, inside)
    return (mixed, size / inside**TRAINED_EFFECT) if inside != 1 else (style, size)


def _layers(style: StyleSelection) -> list[StyleLayer]:
    if style is None:
        return [StyleLayer(0)]
    if isinstance(style, Mapping):
        return [StyleLayer(name, float(weight)) for name, weight in style.items()]
    return [StyleLayer(style)] if isinstance(style, str | int | Tensor) else list(style)


def _family(model: StyleModel, layer: StyleLayer) -> dict[float, int]:
    """Stroke size relative to the layer's style → index of the style that has it; empty for the identity."""
    names = model.spec.style_names
    own = model.style_index(layer.style)
    if names[own] == IDENTITY:
        return {}
    stem, own_px = _stem(names[own]), model.spec.styles[own].style_size_px
    family = {1.0: own}
    for index, info in enumerate(model.spec.styles):
        if index != own and _stem(info.name) == stem and info.style_size_px and own_px:
            family.setdefault(info.style_size_px / own_px, index)
    return family


def _stem(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _between(layer: StyleLayer, family: dict[float, int], size: float) -> list[StyleLayer]:
    """The layer as a mix of the family's nearest sizes below and above."""
    if not family:
        return [layer]
    below = max((known for known in family if known <= size), default=min(family))
    above = min((known for known in family if known >= size), default=max(family))
    share = 0.0 if below == above else math.log(size / below) / math.log(above / below)
    parts = [(family[below], 1 - share), (family[above], share)]
    return [replace(layer, style=index, weight=layer.weight * part) for index, part in parts if part > 0]


def _scaled_pictures(style: StyleSelection, factor: float) -> StyleSelection:
    def scaled(picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        return resize_image(picture, max(1, round(height * factor)), max(1, round(width * factor)))

    if isinstance(style, Tensor):
        return scaled(style)
    if style is None or isinstance(style, str | int | Mapping):
        return style
    return [replace(item, style=scaled(item.style)) if isinstance(item.style, Tensor) else item for item in style]
