"""The layers that our networks share, as nodes. Each function takes and gives names of values (B, C, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...architectures._layers import BatchNorm, ConditionalInstanceNorm, Conv2d, InstanceNorm, Upsample2d
from ...margin import Margin
from ...normalization import InputNormalization
from .graph import Graph

PAD_MODES = {"reflect": "reflect", "replicate": "edge", "zero": "constant", "zeros": "constant"}
FIRST, LAST = 0, 2**63 - 1
HEIGHT, WIDTH = 2, 3


def relu(g: Graph, x: str) -> str:
    """max(x, 0)."""
    return g.node("Relu", x)


def convolution(g: Graph, conv: nn.Conv2d, x: str) -> str:
    """A convolution with the padding that the module gives it, ours or torch's own."""
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    inputs = [g.weight(conv.weight), *([g.weight(conv.bias)] if conv.bias is not None else [])]
    if isinstance(conv, Conv2d):
        mode, half = conv.pad_with, kernel // 2
    else:
        mode, half = conv.padding_mode, int(conv.padding[0])
    options: dict[str, str] = {}
    if mode == "same":
        options = {"auto_pad": "SAME_UPPER"}  # TensorFlow's SAME, for which the attribute was made
    elif mode in PAD_MODES and half:
        x = pad(g, x, half, PAD_MODES[mode])
    return g.node("Conv", x, *inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, group=conv.groups, **options)


def pad(g: Graph, x: str, amount: int, mode: str = "reflect") -> str:
    """The same padding on all four sides; mode reflect | edge | constant (zeros)."""
    return g.node("Pad", x, g.constant([0, 0, amount, amount, 0, 0, amount, amount]), mode=mode)


def upsample(g: Graph, up: Upsample2d, x: str) -> str:
    """×2 and a convolution, or a transposed convolution."""
    conv = up.conv
    if up.mode != "transposed":
        return convolution(g, conv, double(g, x, up.mode))  # type: ignore[arg-type]
    inputs = [g.weight(conv.weight), *([g.weight(conv.bias)] if conv.bias is not None else [])]
    # TensorFlow's alignment gives one row and column too many, which the negative end of the padding takes off
    same = up.pad_with == "same"
    pads, extra = ([0, 0, 1, 1], [0, 0]) if same else ([1, 1, 1, 1], [1, 1])
    return g.node("ConvTranspose", x, *inputs, kernel_shape=[3, 3], strides=[2, 2], pads=pads, output_padding=extra)


def double(g: Graph, x: str, mode: str = "nearest") -> str:
    """Twice the height and width; nearest | bilinear, as torch aligns them."""
    scales = g.constant([1.0, 1.0, 2.0, 2.0])
    if mode == "nearest":
        return g.node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
        )
    return g.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def normalize(g: Graph, norm: InstanceNorm | BatchNorm | ConditionalInstanceNorm, x: str, style: str) -> str:
    """One of the three normalizations; `style` (B or 1, S) is looked at by the conditional one alone."""
    if isinstance(norm, InstanceNorm):
        return g.node("InstanceNormalization", x, g.weight(norm.weight), g.weight(norm.bias), epsilon=norm.eps)
    if isinstance(norm, ConditionalInstanceNorm):
        scale, shift = (_per_channel(g, g.node("MatMul", style, g.weight(t))) for t in (norm.weight, norm.bias))
        plain = instance_norm(g, x, norm.weight.shape[1], norm.eps)
        return g.node("Add", g.node("Mul", plain, scale), shift)
    tensors = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    names = [g.weight(tensor) for tensor in tensors if tensor is not None]
    return g.node("BatchNormalization", x, *names, epsilon=norm.eps)


def instance_norm(g: Graph, x: str, channels: int, eps: float = 1e-5) -> str:
    """Instance normalization without affine."""
    ones, zeros = g.constant([1.0] * channels), g.constant([0.0] * channels)
    return g.node("InstanceNormalization", x, ones, zeros, epsilon=eps)


def _per_channel(g: Graph, values: str) -> str:
    """(B, C) → (B, C, 1, 1)."""
    return g.node("Unsqueeze", values, g.constant([HEIGHT, WIDTH]))


def mean_and_deviation(g: Graph, x: str, eps: float = 1e-5) -> tuple[str, str]:
    """μ and √(unbiased variance + eps), each (B, C, 1, 1): `losses.functional.calc_mean_std`."""
    axes = g.constant([HEIGHT, WIDTH])
    size = g.node("Cast", g.node("ReduceProd", size_of(g, x), keepdims=1), to=1)
    mean = g.node("ReduceMean", x, axes=[HEIGHT, WIDTH], keepdims=1)
    centred = g.node("Sub", x, mean)
    squares = g.node("ReduceSum", g.node("Mul", centred, centred), axes, keepdims=1)
    variance = g.node("Div", squares, g.node("Sub", size, g.constant([1.0])))
    return mean, g.node("Sqrt", g.node("Add", variance, g.constant([eps])))


def size_of(g: Graph, x: str) -> str:
    """Height and width of a value, two whole numbers."""
    return g.node("Slice", g.node("Shape", x), g.constant([HEIGHT]), g.constant([WIDTH + 1]))


def crop(g: Graph, x: str, size: str, margin: Margin = (FIRST, FIRST)) -> str:
    """`size` = (height, width) of it, `margin` away from the upper left."""
    end = g.node("Add", size, g.constant(list(margin))) if any(margin) else size
    return g.node("Slice", x, g.constant(list(margin)), end, g.constant([HEIGHT, WIDTH]))


def crop_border(g: Graph, x: str, amount: int) -> str:
    """Without `amount` rows and columns on every side."""
    return g.node("Slice", x, g.constant([amount] * 2), g.constant([-amount] * 2), g.constant([HEIGHT, WIDTH]))


def every_second(g: Graph, x: str) -> str:
    """Rows and columns 0, 2, 4, …"""
    axes = g.constant([HEIGHT, WIDTH])
    return g.node("Slice", x, g.constant([FIRST] * 2), g.constant([LAST] * 2), axes, g.constant([2, 2]))


def mirror(g: Graph, x: str, margin: Margin) -> str:
    """`margin.mirrored`: any sides from 1 px, by computed places, since Pad mirrors once at most."""
    for axis, pixels in zip((HEIGHT, WIDTH), margin, strict=True):
        if pixels:
            x = g.node("Gather", x, _mirrored_places(g, x, axis, pixels), axis=axis)
    return x


def _mirrored_places(g: Graph, x: str, axis: int, pixels: int) -> str:
    """`margin.mirrored_places` of a whole side."""
    one = _whole(g, 1)
    length = g.node("Gather", g.node("Shape", x), _whole(g, axis), axis=0)
    place = g.node("Range", _whole(g, -pixels), g.node("Add", length, _whole(g, pixels)), one)
    period = g.node("Max", g.node("Mul", g.node("Sub", length, one), _whole(g, 2)), one)
    place = g.node("Mod", place, period)  # of whole numbers, with the sign of the divisor
    return g.node("Min", place, g.node("Sub", period, place))


def grow_to(g: Graph, x: str, side_px: int) -> str:
    """`images.pad_to_side`: the last row and column repeated until both sides have `side_px`."""
    missing = g.node("Sub", g.constant([side_px] * 2), size_of(g, x))
    return _grow(g, x, g.node("Max", missing, g.constant([0, 0])))


def grow_to_multiple(g: Graph, x: str, stride: int) -> str:
    """The last row and column repeated until both sides are multiples of `stride`."""
    rest = g.node("Mod", size_of(g, x), g.constant([stride] * 2))
    missing = g.node("Mod", g.node("Sub", g.constant([stride] * 2), rest), g.constant([stride] * 2))
    return _grow(g, x, missing)


def _grow(g: Graph, x: str, amount: str) -> str:
    nothing = g.constant([0, 0])
    return g.node("Pad", x, g.node("Concat", nothing, nothing, nothing, amount, axis=0), mode="edge")


def flatten(g: Graph, x: str) -> str:
    """(B, C, H, W) → (B, C, H·W)."""
    return g.node("Reshape", x, g.constant([0, 0, -1]))


def encode(g: Graph, normalization: InputNormalization, x: str) -> str:
    """Core pictures → the network's own range: `InputNormalization.encode`."""
    if normalization.order != "RGB":
        x = g.node("Gather", x, g.constant([2, 1, 0]), axis=1)
    if normalization.scale != 1.0:
        x = g.node("Mul", x, g.constant([normalization.scale]))
    if any(normalization.mean):
        x = g.node("Sub", x, _channels(g, normalization.mean))
    return x if normalization.std == (1.0, 1.0, 1.0) else g.node("Div", x, _channels(g, normalization.std))


def decode(g: Graph, normalization: InputNormalization, x: str) -> str:
    """The inverse, clipped to 0..1."""
    if normalization.std != (1.0, 1.0, 1.0):
        x = g.node("Mul", x, _channels(g, normalization.std))
    if any(normalization.mean):
        x = g.node("Add", x, _channels(g, normalization.mean))
    if normalization.scale != 1.0:
        x = g.node("Div", x, g.constant([normalization.scale]))
    if normalization.order != "RGB":
        x = g.node("Gather", x, g.constant([2, 1, 0]), axis=1)
    return g.node("Clip", x, _scalar(g, 0.0), _scalar(g, 1.0))


def _channels(g: Graph, values: tuple[float, float, float]) -> str:
    return g.constant(Tensor(values).view(1, 3, 1, 1))


def _whole(g: Graph, value: int) -> str:
    return g.constant(torch.tensor(value))


def _scalar(g: Graph, value: float) -> str:
    return g.constant(Tensor([value])[0])
