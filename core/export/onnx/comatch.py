"""CoMatch as nodes."""

from __future__ import annotations

from ...architectures.comatch import CoMatch
from . import layers
from .graph import Graph


def gram_matrix(g: Graph, x: str) -> str:
    """Features (1, C, H, W) → their Gram matrix (1, C, C) by channels and positions."""
    flat = layers.flatten(g, x)
    gram = g.node("MatMul", flat, g.node("Transpose", flat, perm=[0, 2, 1]))
    count = g.node("ReduceProd", g.node("Slice", g.node("Shape", flat), g.constant([1]), g.constant([3])), keepdims=1)
    return g.node("Div", gram, g.node("Cast", count, to=1))


def matched(g: Graph, comatch: CoMatch, x: str, gram: str) -> str:
    """`CoMatch.forward` of one style: features (B, C, H, W), Gram matrix (1, C, C)."""
    weight = g.weight(comatch.weight)
    if comatch.whitening is not None:
        whitening = g.weight(comatch.whitening)
        weight = g.node("MatMul", g.node("MatMul", whitening, weight), whitening)
    matrix = g.node("Transpose", g.node("MatMul", weight, gram), perm=[0, 2, 1])
    return g.node("Reshape", g.node("MatMul", matrix, layers.flatten(g, x)), g.node("Shape", x))
