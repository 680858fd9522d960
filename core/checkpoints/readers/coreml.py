"""CoreML neural networks (.mlmodel): layer weights as tensors, the layers as plain data.

Field numbers from Model.proto and NeuralNetwork.proto (github.com/apple/coremltools, BSD-3).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._format import RawCheckpoint
from ._bytes import DamagedFileError, read_file, reading, reshape, to_tensor
from ._protobuf import Message

NETWORKS = (500, 403, 303)
"""Model's neuralNetwork, neuralNetworkClassifier, neuralNetworkRegressor; their layers are field 1."""
KINDS = {
    100: "convolution",
    120: "pooling",
    130: "activation",
    140: "innerProduct",
    160: "batchnorm",
    200: "padding",
    210: "upsample",
    220: "unary",
    230: "add",
    231: "multiply",
    280: "reduce",
    290: "loadConstant",
    300: "reshape",
    310: "permute",
    320: "concat",
}
"""Field of NeuralNetworkLayer → what it does, as far as style networks use it."""


def matches(path: Path, head: bytes) -> bool:
    """By suffix and the version's key; the bytes alone look like any other protocol-buffer file."""
    return path.suffix.lower() == ".mlmodel" and head[:1] == b"\x08"


def read(path: Path) -> RawCheckpoint:
    """Read a CoreML neural network.

    Returns:
        Tensors: `<layer>.weight` (out, in, h, w) and `<layer>.bias` of convolutions, `<layer>` of constants
        (C, H, W). Metadata: `layers`, a list of {name, kind, inputs, outputs} with stride and kernel of
        convolutions, factors of upsamplings.

    Raises:
        CheckpointError: Damaged, no neural network, or weights in a quantized form.
    """
    with reading(path, "a CoreML model"):
        model = Message(read_file(path))
        number = next((n for n in NETWORKS if n in model), None)
        if number is None:
            raise DamagedFileError("no neural network of layers (newer CoreML programs are not read)")
        tensors: dict[str, Tensor] = {}
        layers = [_layer(layer, tensors) for layer in model.message(number).messages(1)]
    return RawCheckpoint(path.name, "coreml", tensors, {"layers": layers})


def _layer(layer: Message, tensors: dict[str, Tensor]) -> dict[str, Any]:
    number = next((n for n in layer.numbers() if n >= 100), 0)
    facts: dict[str, Any] = {
        "name": layer.text(1),
        "kind": KINDS.get(number, f"layer type {number}"),
        "inputs": layer.texts(2),
        "outputs": layer.texts(3),
    }
    params = layer.message(number) if number else Message(memoryview(b""))
    name = facts["name"]
    if facts["kind"] == "convolution":
        kernel = params.ints(20) or [3, 3]
        facts |= {"kernel": kernel, "stride": params.ints(30) or [1, 1], "groups": params.int(10, 1)}
        facts |= {"dilation": params.ints(40) or [1, 1], "transposed": bool(params.int(60)), "same": 51 in params}
        shape = (params.int(1), params.int(2), *kernel)
        tensors[f"{name}.weight"] = _weights(params.message(90), shape, name)
        if params.int(70):
            tensors[f"{name}.bias"] = _weights(params.message(91), shape[:1], name)
    elif facts["kind"] == "loadConstant":
        tensors[name] = _weights(params.message(2), params.ints(1), name)
    elif facts["kind"] == "upsample":
        facts |= {"factors": params.ints(1) or [1, 1], "mode": ("nearest", "bilinear")[params.int(5) & 1]}
    return facts


def _weights(proto: Message, shape: tuple[int, ...] | list[int], name: str) -> Tensor:
    """WeightParams: floats, or halves as bytes."""
    if 2 in proto:
        return to_tensor(proto.blob(2), torch.float16, shape, name)
    if 1 in proto:
        return reshape(proto.floats(1), shape, name)
    raise DamagedFileError(f"the weights of `{name}` are quantized or missing; only 32- and 16-bit floats are read")
