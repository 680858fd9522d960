"""ONNX files: initializers as tensors, the graph as plain data. Needs no onnx package.

Field numbers from onnx.proto (github.com/onnx/onnx, Apache-2.0 specification).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._format import METADATA_KEY, RawCheckpoint
from ._bytes import DamagedFileError, read_file, reading, reshape, take, to_tensor
from ._protobuf import Message

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
EXTERNAL = 1
ATTRIBUTE_KINDS = {2: "f", 3: "i", 4: "s", 5: "t", 7: "floats", 8: "ints"}
"""By the field that holds the value."""
ATTRIBUTE_TYPES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}
"""By the declared type: writers leave a value of 0 out."""

FIRST_BYTES = {bytes((number << 3 | wire,)) for number, wire in enumerate((0, 2, 2, 2, 0, 2, 2, 2), 1)}
"""Keys of ModelProto's fields: a web page or a PDF of that name begins otherwise."""
CONSTANT_ATTRIBUTES = ("value_float", "value_floats", "value_int", "value_ints")


def matches(path: Path, head: bytes) -> bool:
    """By suffix, or a message that starts with an IR version and the producer's name."""
    if path.suffix.lower() == ".onnx":
        return head[:1] in FIRST_BYTES
    producer = head[4 : 4 + head[3]] if len(head) > 4 else b""
    return head[:1] == b"\x08" and head[2:3] == b"\x12" and 0 < head[1] < 32 and producer.isalnum()


def read(path: Path) -> RawCheckpoint:
    """Read an ONNX model; nothing of the graph is run.

    Args:
        path: The .onnx file. Weights that it keeps in a second file are found beside it.

    Returns:
        Tensors: initializers and constants under their value names. Metadata: `nodes` (op, inputs, outputs,
        attributes), `inputs`, `outputs`, `opset`, `producer`; in files of ours also the header of a native file.

    Raises:
        CheckpointError: Unreadable, truncated, or contradicting itself.
    """
    with reading(path, "an ONNX model"):
        model = Message(read_file(path))
        if 7 not in model:
            raise DamagedFileError("no graph inside")
        graph = model.message(7)
        tensors: dict[str, Tensor] = {}
        for blob in graph.messages(5):
            _add(tensors, blob.text(8), blob, path)
        nodes = [_node(node, tensors, path) for node in graph.messages(1)]
        opsets = [m.int(2) for m in model.messages(8) if m.text(1) in ("", "ai.onnx")]
        metadata = {
            "nodes": nodes,
            "inputs": [m.text(1) for m in graph.messages(11) if m.text(1) not in tensors],
            "outputs": [m.text(1) for m in graph.messages(12)],
            "opset": max(opsets, default=1),
            "producer": f"{model.text(2)} {model.text(3)}".strip(),
        }
        properties = {entry.text(1): entry.text(2) for entry in model.messages(14)}
        if METADATA_KEY in properties:  # we wrote it: the initializers are the network's weights under its own names
            metadata[METADATA_KEY] = json.loads(properties[METADATA_KEY])
            tensors = {name: tensors[name] for blob in graph.messages(5) if (name := blob.text(8)) in tensors}
    return RawCheckpoint(path.name, "onnx", tensors, metadata)


def _node(node: Message, tensors: dict[str, Tensor], path: Path) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    outputs = node.texts(2)
    for attribute in node.messages(5):
        kind = ATTRIBUTE_TYPES.get(attribute.int(20)) or next(
            (ATTRIBUTE_KINDS[n] for n in attribute.numbers() if n in ATTRIBUTE_KINDS), ""
        )
        name = attribute.text(1)
        if kind == "t":
            # Constant nodes become tensors of their output's name; other tensor attributes get their own
            key = outputs[0] if node.text(4) == "Constant" and outputs else f"{node.text(3)}.{name}"
            _add(tensors, key, attribute.message(5), path)
            attributes[name] = key
        elif kind == "f":
            attributes[name] = attribute.float(2)
        elif kind == "i":
            attributes[name] = attribute.int(3)
        elif kind == "s":
            attributes[name] = attribute.text(4)
        elif kind == "floats":
            attributes[name] = attribute.floats(7).tolist()
        elif kind == "ints":
            attributes[name] = attribute.ints(8)
    if node.text(4) == "Constant" and outputs and outputs[0] not in tensors:
        values = [attributes[k] for k in CONSTANT_ATTRIBUTES if k in attributes]
        if values:
            tensors[outputs[0]] = torch.tensor(values[0])
    return {"op": node.text(4), "inputs": node.texts(1), "outputs": outputs, "attributes": attributes}


def _add(tensors: dict[str, Tensor], name: str, proto: Message, path: Path) -> None:
    """Decode one TensorProto into `tensors`; kinds that hold no numbers (strings) are left out."""
    dtype = DTYPES.get(proto.int(2))
    if dtype is None:
        return
    shape = proto.ints(1)
    if proto.int(14) == EXTERNAL:
        tensors[name] = to_tensor(_external(proto, path), dtype, shape, name)
    elif 9 in proto:
        tensors[name] = to_tensor(proto.blob(9), dtype, shape, name)
    else:
        tensors[name] = _typed(proto, dtype, shape, name)


def _typed(proto: Message, dtype: torch.dtype, shape: list[int], name: str) -> Tensor:
    """Values in one of the typed fields: float_data, int32_data, int64_data, double_data."""
    if dtype == torch.float32:
        values = proto.floats(4)
    elif dtype == torch.float64:
        values = proto.floats(10, torch.float64)
    else:
        values = torch.tensor(proto.ints(7 if dtype == torch.int64 else 5), dtype=torch.int64)
    if dtype in (torch.float16, torch.bfloat16):
        values = values.to(torch.int16).view(dtype)  # the field holds the bits, not the number
    return reshape(values.to(dtype), shape, name)


def _external(proto: Message, path: Path) -> memoryview:
    """Bytes that the file keeps beside itself; only plain names in the same folder are followed."""
    entries = {m.text(1): m.text(2) for m in proto.messages(13)}
    location = entries.get("location", "")
    if not location or Path(location).name != location or location in (".", ".."):
        raise DamagedFileError(f"its weights are said to lie in `{location}`, which is not a file beside it")
    offset, length = entries.get("offset", "0"), entries.get("length", "")
    if not offset.isdecimal() or not length.isdecimal():
        raise DamagedFileError(f"bytes {offset}+{length or '?'} of `{location}`")
    return take(read_file(path.parent / location), int(offset), int(length), location)
