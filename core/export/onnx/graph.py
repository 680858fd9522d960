"""A graph under construction: nodes, weights, inputs and outputs, and the bytes of the finished file.

Field numbers from onnx.proto (github.com/onnx/onnx, Apache-2.0 specification), as in checkpoints/readers/onnx.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from .protobuf import blob, floating, integer, packed, text

IR_VERSION = 8
FLOAT, INT64 = 1, 7
"""TensorProto.DataType."""
ELEMENT = {torch.float32: FLOAT, torch.int64: INT64}
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_TENSOR, ATTRIBUTE_INTS = 1, 2, 3, 4, 7
"""AttributeProto.AttributeType."""

Attribute = int | float | str | Tensor | Sequence[int]
Dimension = int | str
"""A number, or the name of a size that is free."""


class Graph:
    """Collects nodes in the order in which they are added, which is the order of computation.

    Weights become initializers under the names that they have in the network's state dict, so that our own
    loader finds them again; every other number becomes a Constant node.

    Args:
        network: Whose weights the nodes use.
    """

    def __init__(self, network: nn.Module) -> None:
        named = chain(network.named_parameters(), network.named_buffers())
        self._names = {id(tensor): name for name, tensor in named}
        self._weights: dict[str, bytes] = {}
        self._constants: dict[tuple[torch.dtype, tuple[int, ...], bytes], str] = {}
        self._nodes: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def node(self, op: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node with one output and return the output's name; an empty input is one that is left out."""
        self._count += 1
        output = f"{op.lower()}_{self._count}"
        parts = [*(text(1, name) for name in inputs), text(2, output), text(3, output), text(4, op)]
        parts += [blob(5, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(b"".join(parts))
        return output

    def weight(self, tensor: Tensor) -> str:
        """A parameter or buffer of the network, in float32."""
        name = self._names[id(tensor)]
        if name not in self._weights:
            self._weights[name] = _tensor(tensor.detach().float(), name)
        return name

    @property
    def holds_the_network(self) -> bool:
        """Whether all weights were used; counts of training steps are none."""
        wanted = {name for name in self._names.values() if not name.endswith("num_batches_tracked")}
        return wanted == self._weights.keys()

    def constant(self, values: Tensor | Sequence[int] | Sequence[float]) -> str:
        """Numbers that are no weights; equal ones are stored once."""
        tensor = values if isinstance(values, Tensor) else torch.tensor(values)
        tensor = tensor.detach().to("cpu", torch.float32 if tensor.is_floating_point() else torch.int64).contiguous()
        key = (tensor.dtype, tuple(tensor.shape), tensor.numpy().tobytes())
        if key not in self._constants:
            self._constants[key] = self.node("Constant", value=tensor)
        return self._constants[key]

    def input(self, name: str, shape: Sequence[Dimension]) -> str:
        """Declare an input of float32."""
        self._inputs.append(_value_info(name, shape))
        return name

    def output(self, name: str, source: str, shape: Sequence[Dimension]) -> None:
        """Declare what the graph gives."""
        self._nodes.append(b"".join([text(1, source), text(2, name), text(3, name), text(4, "Identity")]))
        self._outputs.append(_value_info(name, shape))

    def to_bytes(self, name: str, opset: int, *, version: str, about: str, properties: Mapping[str, str]) -> bytes:
        """The finished file.

        Args:
            name: Of the graph.
            opset: Version of the operator set that the nodes are written in.
            version: Of this program.
            about: For people.
            properties: `metadata_props` of the file.
        """
        graph = b"".join(
            [
                *(blob(1, node) for node in self._nodes),
                text(2, name),
                *(blob(5, tensor) for tensor in self._weights.values()),
                *(blob(11, value) for value in self._inputs),
                *(blob(12, value) for value in self._outputs),
            ]
        )
        return b"".join(
            [
                integer(1, IR_VERSION),
                text(2, "brushwork"),
                text(3, version),
                text(6, about),
                blob(7, graph),
                blob(8, text(1, "") + integer(2, opset)),
                *(blob(14, text(1, key) + text(2, value)) for key, value in properties.items()),
            ]
        )


def _attribute(name: str, value: Attribute) -> bytes:
    start = text(1, name)
    if isinstance(value, str):
        return start + text(4, value) + integer(20, ATTRIBUTE_STRING)
    if isinstance(value, Tensor):
        return start + blob(5, _tensor(value, "")) + integer(20, ATTRIBUTE_TENSOR)
    if isinstance(value, float):
        return start + floating(2, value) + integer(20, ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return start + integer(3, value) + integer(20, ATTRIBUTE_INT)
    return start + packed(8, tuple(value)) + integer(20, ATTRIBUTE_INTS)


def _tensor(tensor: Tensor, name: str) -> bytes:
    """TensorProto with little-endian raw data, which is what every processor that runs torch has."""
    data = tensor.detach().cpu().contiguous()
    return b"".join(
        [
            packed(1, tuple(data.shape)) if data.ndim else b"",
            integer(2, ELEMENT[data.dtype]),
            text(8, name),
            blob(9, data.numpy().tobytes()),
        ]
    )


def _value_info(name: str, shape: Sequence[Dimension]) -> bytes:
    dimensions = [blob(1, integer(1, size) if isinstance(size, int) else text(2, size)) for size in shape]
    return text(1, name) + blob(2, blob(1, integer(1, FLOAT) + blob(2, b"".join(dimensions))))
