"""Norms that a style's statistics steer, as nodes, and the AdaIN decoder that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ...architectures import ModulatedAdaINNet
from ...architectures._modulation import Modulator
from . import layers
from .graph import Graph

Inner = Any
"""A module out of an nn.ModuleList, which loses its type."""


class SteeredNorm:
    """`_modulation.Modulation`: instance normalization with the next of the predicted γ and β.

    Args:
        g: The graph.
        scale_shift: All γ, then all β, (1, 2n, 1, 1).
        count: n.
    """

    def __init__(self, g: Graph, scale_shift: str, count: int) -> None:
        self.g, self.scale_shift, self.count, self.used = g, scale_shift, count, 0

    def __call__(self, x: str, channels: int) -> str:
        """Normalize a value with this many channels."""
        plain = layers.instance_norm(self.g, x, channels)
        scale, shift = (self._channels(first, channels) for first in (self.used, self.count + self.used))
        self.used += channels
        return self.g.node("Add", self.g.node("Mul", plain, scale), shift)

    def _channels(self, first: int, count: int) -> str:
        bounds = (self.g.constant([place]) for place in (first, first + count, 1))
        return self.g.node("Slice", self.scale_shift, *bounds)


def predicted(g: Graph, modulator: Modulator, statistics: Sequence[str]) -> str:
    """`Modulator.forward`: statistics, each (1, C, 1, 1), to γ and β, (1, 2n, 1, 1)."""
    x = g.node("Flatten", g.node("Concat", *statistics, axis=1))
    x = g.node("Div", g.node("Sub", x, g.weight(modulator.mean)), g.weight(modulator.deviation))
    x = layers.relu(g, _linear(g, modulator.hidden, x))
    axes = g.constant([layers.HEIGHT, layers.WIDTH])
    return g.node("Unsqueeze", _linear(g, modulator.out, x), axes)


def _linear(g: Graph, layer: nn.Linear, x: str) -> str:
    return g.node("Gemm", x, g.weight(layer.weight), g.weight(layer.bias), transB=1)


def decode(g: Graph, network: ModulatedAdaINNet, deep: str, features: dict[str, str], norm: SteeredNorm) -> str:
    """`ModulatedAdaINNet._decode`."""
    x = _stage(g, network.stages[0], deep, norm, None)
    for stage, layer in zip(network.stages[1:], reversed(network.layers[:-1]), strict=True):
        x = _stage(g, stage, layers.double(g, x), norm, features[layer])
    return g.node("Sigmoid", layers.convolution(g, network.output, x))


def _stage(g: Graph, stage: Inner, x: str, norm: SteeredNorm, photo: str | None) -> str:
    width = stage.conv.out_channels
    x = layers.relu(g, norm(layers.convolution(g, stage.conv, x), width))
    if stage.skip is not None and photo is not None:
        plain = layers.instance_norm(g, photo, stage.skip.in_channels)
        x = g.node("Add", x, layers.convolution(g, stage.skip, plain))
    for block in stage.blocks:
        y = layers.relu(g, norm(layers.convolution(g, block.conv1, x), width))
        x = g.node("Add", x, norm(layers.convolution(g, block.conv2, y), width))
    return x
