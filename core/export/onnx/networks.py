"""The forward passes of core/architectures as nodes, one function a network. Change both together: a test compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ...architectures import AdaINNet, MicroAST, ModulatedAdaINNet, MsgNet, TransformerNet, adain, microast
from ...architectures._layers import Upsample2d
from ...architectures.transformer_net import ConvNorm
from ...architectures.vgg import VGGFeatures
from . import comatch, layers, modulated
from .graph import Graph

Emit = Callable[[Graph, Any, str, Sequence[str]], str]
"""(graph, network, photo, style) → painting, in the network's own range. `style`: the weights (B or 1, S) of a
conditional network, or the features of a style picture, whose parts have a leading 1."""

Inner = Any
"""A module out of an nn.ModuleList or nn.Sequential, which lose its type."""


def transformer_net(g: Graph, network: TransformerNet, x: str, style: Sequence[str]) -> str:
    """`TransformerNet.forward`; without conditional normalization `style` is empty."""
    config, weights = network.config, style[0] if style else ""
    if config.start_padding:
        x = layers.pad(g, x, config.start_padding)
    for layer in network.encoder:
        x = layers.relu(g, _conv_norm(g, layer, x, weights))
    for block in network.blocks:
        x = _residual(g, block, x, weights)
    for layer in network.decoder:
        x = layers.relu(g, _conv_norm(g, layer, x, weights))
    last = network.output
    x = _conv_norm(g, last, x, weights) if isinstance(last, ConvNorm) else layers.convolution(g, last, x)
    if config.output == "tanh":
        x = g.node("Mul", g.node("Tanh", x), g.constant([config.output_scale]))
    elif config.output == "sigmoid":
        x = g.node("Sigmoid", x)
    return g.node("Add", x, g.constant([config.output_offset])) if config.output_offset else x


def _conv_norm(g: Graph, stage: Inner, x: str, style: str) -> str:
    conv = stage.conv
    y = layers.upsample(g, conv, x) if isinstance(conv, Upsample2d) else layers.convolution(g, conv, x)
    return layers.normalize(g, stage.norm, y, style)


def _residual(g: Graph, block: Inner, x: str, style: str) -> str:
    y = x
    for index, layer in enumerate(block.layers):
        y = _conv_norm(g, layer, layers.relu(g, y) if index else y, style)
    return g.node("Add", y, layers.crop_border(g, x, block.crop) if block.crop else x)


def _msg_net_encode(g: Graph, network: MsgNet, x: str) -> str:
    x = layers.relu(g, layers.instance_norm(g, layers.convolution(g, network.stem, x), network.config.stem))
    for block in network.down:
        x = _bottleneck(g, block, x)
    return x


def msg_net_style(g: Graph, network: MsgNet, picture: str) -> list[str]:
    """`MsgNet.encode_style`: the Gram matrix (1, C, C) by channels and positions."""
    return [comatch.gram_matrix(g, _msg_net_encode(g, network, picture))]


def msg_net_forward(g: Graph, network: MsgNet, x: str, style: Sequence[str]) -> str:
    """`MsgNet.forward` for one Gram matrix (1, C, C)."""
    x = comatch.matched(g, network.comatch, _msg_net_encode(g, network, x), style[0])
    for block in (*network.blocks, *network.up):
        x = _bottleneck(g, block, x)
    x = layers.instance_norm(g, x, network.output.in_channels)
    return layers.convolution(g, network.output, layers.relu(g, x))


def _bottleneck(g: Graph, block: Inner, x: str) -> str:
    def activated(value: str, channels: int) -> str:
        return layers.relu(g, layers.instance_norm(g, value, channels))

    y = layers.convolution(g, block.reduce, activated(x, block.reduce.in_channels))
    y = activated(y, block.spatial.in_channels)
    y = layers.convolution(g, block.spatial, layers.double(g, y) if block.upsample else y)
    y = layers.convolution(g, block.expand, activated(y, block.expand.in_channels))
    if block.shortcut is not None:
        x = layers.every_second(g, x) if block.stride == 2 else x
        x = layers.convolution(g, block.shortcut, x)
        x = layers.double(g, x) if block.upsample else x
    return g.node("Add", x, y)


def vgg_features(g: Graph, network: VGGFeatures, x: str, wanted: Sequence[str]) -> dict[str, str]:
    """`VGGFeatures.forward`: layer → features."""
    x = layers.encode(g, network.config.normalization, x)
    if network.config.input_conv:
        x = layers.convolution(g, network.conv0, x)
    block, found = "1", {}
    for name in network.names:
        if name[4] != block:
            block = name[4]
            ceil = int(network.config.ceil_pool)
            x = g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=ceil)
        x = layers.relu(g, layers.convolution(g, _conv(network, "conv" + name[4:]), x))
        if name in wanted:
            found[name] = x
        if len(found) == len(wanted):
            break
    return found


def adain_style(g: Graph, network: AdaINNet | ModulatedAdaINNet, picture: str) -> list[str]:
    """`encode_style` of either decoder, with two more dimensions of 1; the Gram matrix without them."""
    if isinstance(network, ModulatedAdaINNet):
        features = vgg_features(g, network.encoder, picture, network.layers)
        parts = [part for layer in network.layers for part in layers.mean_and_deviation(g, features[layer])]
        target = parts[-2:] if network.comatch is None else [comatch.gram_matrix(g, features[network.layers[-1]])]
        return [*target, modulated.predicted(g, network.modulator, parts)]
    (deep,) = vgg_features(g, network.encoder, picture, [network.layer]).values()
    return list(layers.mean_and_deviation(g, deep))


def adain_forward(g: Graph, network: AdaINNet | ModulatedAdaINNet, x: str, style: Sequence[str]) -> str:
    """`forward` at α = 1, for μ and σ (1, C, 1, 1) or a Gram matrix (1, C, C); γ and β of the modulated decoder."""
    if isinstance(network, ModulatedAdaINNet):
        x = layers.grow_to_multiple(g, x, network.stride)
        features = vgg_features(g, network.encoder, x, network.layers)
        *target, steered = style
        norm = modulated.SteeredNorm(g, steered, network.modulator.out.out_features // 2)
        deep, match = features[network.layers[-1]], network.comatch
        deep = _adain(g, deep, *target) if match is None else comatch.matched(g, match, deep, *target)
        return modulated.decode(g, network, deep, features, norm)
    if not network.config.encoder.ceil_pool:
        x = layers.grow_to_multiple(g, x, network.stride)
    (deep,) = vgg_features(g, network.encoder, x, [network.layer]).values()
    x = _adain(g, deep, *style)
    decoder: adain.Decoder = network.decoder
    for name in decoder.names:
        x = layers.convolution(g, _conv(decoder, name), x)
        x = layers.relu(g, x) if name != decoder.names[-1] else x
        x = layers.double(g, x) if name in decoder.doubled else x
    return x


def _adain(g: Graph, content: str, mean: str, std: str) -> str:
    own_mean, own_std = layers.mean_and_deviation(g, content)
    normalized = g.node("Div", g.node("Sub", content, own_mean), own_std)
    return g.node("Add", g.node("Mul", normalized, std), mean)


def _conv(network: nn.Module, name: str) -> nn.Conv2d:
    conv = network.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)  # noqa: S101 - get_submodule loses the type
    return conv


def microast_style(g: Graph, network: MicroAST, picture: str) -> list[str]:
    """`MicroAST.encode_style`, with two more dimensions of 1."""
    parts: list[str] = []
    for level, features in enumerate(_microast_encode(g, network.style_encoder, picture)):
        parts += layers.mean_and_deviation(g, features)
        for convs in (network.modulator.weight, network.modulator.bias):
            changed = layers.convolution(g, _conv(convs, str(level)), features)
            parts.append(g.node("ReduceMean", changed, axes=[layers.HEIGHT, layers.WIDTH], keepdims=1))
    return parts


def _microast_encode(g: Graph, encoder: microast.Encoder, x: str) -> tuple[str, str]:
    x = layers.relu(g, layers.convolution(g, encoder.stem, x))
    x = _separable(g, encoder.depthwise, encoder.pointwise, x)
    first = _modulated(g, encoder.blocks, 0, x)
    return first, _modulated(g, encoder.blocks, 1, first)


def _separable(g: Graph, depthwise: nn.ModuleList, pointwise: nn.ModuleList, x: str, *, up: bool = False) -> str:
    for index in range(len(depthwise)):
        x = layers.double(g, x, "bilinear") if up else x
        x = layers.relu(g, layers.convolution(g, _conv(depthwise, str(index)), x))
        x = layers.relu(g, layers.convolution(g, _conv(pointwise, str(index)), x))
    return x


def _modulated(g: Graph, blocks: nn.ModuleList, index: int, x: str, weight: str = "", bias: str = "") -> str:
    """`microast.ResidualBlock.forward`."""

    def filtered(name: str, value: str) -> str:
        y = layers.convolution(g, _conv(blocks, f"{index}.{name}"), value)
        return g.node("Add", g.node("Mul", weight, y), g.node("Mul", bias, value)) if weight else y

    return g.node("Add", x, filtered("conv2", layers.relu(g, filtered("conv1", x))))


def microast_forward(g: Graph, network: MicroAST, x: str, style: Sequence[str]) -> str:
    """`MicroAST.forward` at α = 1, for parts (1, C, 1, 1)."""
    _, x = _microast_encode(g, network.content_encoder, x)
    decoder = network.decoder
    for index, (mean, std, weight, bias) in enumerate((style[4:], style[:4])):
        x = _modulated(g, decoder.blocks, index, _adain(g, x, mean, std), weight, bias)
    x = _separable(g, decoder.depthwise, decoder.pointwise, x, up=True)
    return layers.convolution(g, decoder.output, x)


FORWARD: dict[str, Emit] = {
    "transformer_net": transformer_net,
    "conditional_transformer_net": transformer_net,
    "msg_net": msg_net_forward,
    "comatch": adain_forward,
    "adain": adain_forward,
    "microast": microast_forward,
}
"""By architecture id."""

ENCODE_STYLE: dict[str, Callable[..., list[str]]] = {
    "msg_net": msg_net_style,
    "comatch": adain_style,
    "adain": adain_style,
    "microast": microast_style,
}
"""A style picture in the network's own range → its features, for networks that take one."""
