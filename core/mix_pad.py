"""Weights of a four-corner pad: bilinear interpolation between up to four styles."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ConfigError

CORNERS = ("top left", "top right", "bottom left", "bottom right")

_NEIGHBOURS = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))
"""Per corner: who stands in when it is empty, across before down before diagonally."""


def pad_weights(corners: Sequence[str], x: float, y: float) -> dict[str, float]:
    """How much of each style there is at a point of the pad.

    An empty corner takes the style of its neighbour, so that two styles in the top corners mix from left to
    right whatever y is, and the weights change steadily everywhere. The same style in two corners adds up.

    Args:
        corners: Up to four names: top left, top right, bottom left, bottom right; empty ones are skipped.
        x: 0 (left) to 1 (right).
        y: 0 (top) to 1 (bottom).

    Returns:
        Name → weight ≥ 0, summing to 1; empty where no corner has a name.

    Raises:
        ConfigError: More than four corners, or a point outside the pad.
    """
    if len(corners) > len(CORNERS):
        raise ConfigError(
            "The mix pad has too many styles.",
            expected=f"at most {len(CORNERS)}: {', '.join(CORNERS)}",
            got=str(len(corners)),
            do="Leave some out, or wire Style Layers instead.",
        )
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ConfigError(
            "The point is outside the mix pad.",
            expected="x and y in 0..1",
            got=f"{x}, {y}",
            do="Move it inside.",
        )
    names = [*corners, *[""] * (len(CORNERS) - len(corners))]
    if not any(names):
        return {}
    filled = [next(names[other] for other in order if names[other]) for order in _NEIGHBOURS]
    weights: dict[str, float] = {}
    for name, weight in zip(filled, ((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y), strict=True):
        weights[name] = weights.get(name, 0.0) + weight
    return weights
