"""Lua Torch 7 files (.t7): the binary serialization of torch/torch7 File.lua, read as data.

Objects are numbered in the file and may refer to each other; a Lua function is skipped as bytes, never run.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._format import RawCheckpoint
from ._bytes import DamagedFileError, element_count, read_file, reading, take, to_tensor

NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN, FUNCTION, LEGACY_RECUR_FUNCTION, RECUR_FUNCTION = range(9)
ROOTS = (struct.pack("<ii", TABLE, 1), struct.pack("<iii", TORCH, 1, 3) + b"V 1")
FIRST_BYTES = {bytes((tag,)) for tag in (*range(9), *b"012345678")}
"""Type tags, binary and ASCII: a web page or a PDF of that name begins otherwise."""
MAX_DEPTH = 120
"""Nested objects; the deepest known network has a quarter of it."""
MAX_OBJECTS = 10_000_000
MAX_MODULES = 10_000
ELEMENTS = {
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Short": torch.int16,
    "Int": torch.int32,
    "Long": torch.int64,
    "Half": torch.float16,
    "Float": torch.float32,
    "Double": torch.float64,
    "Cuda": torch.float32,
    "CudaHalf": torch.float16,
    "CudaDouble": torch.float64,
    "CudaByte": torch.uint8,
    "CudaChar": torch.int8,
    "CudaShort": torch.int16,
    "CudaInt": torch.int32,
    "CudaLong": torch.int64,
}


@dataclass
class LuaObject:
    """An instance of a Torch class: its name and its fields."""

    kind: str
    fields: dict[Any, Any] = field(default_factory=dict)


def matches(path: Path, head: bytes) -> bool:
    """Starts with a table or an object that has number 1, or is called .t7."""
    return head.startswith(ROOTS) or (path.suffix.lower() == ".t7" and head[:1] in FIRST_BYTES)


def read(path: Path) -> RawCheckpoint:
    """Read a checkpoint of an nn network.

    Args:
        path: A file of `torch.save` in its binary form, 64-bit little-endian (every PC since 2004).

    Returns:
        Tensors: `1.weight`, `4.1.2.bias`, …: the modules' places in their containers, counted from 1.
        Metadata: `modules`, a list of {path, kind, numbers and flags of the module} in order;
        `options`, the numbers, strings and flags of `opt`, where the file has them.

    Raises:
        CheckpointError: Truncated, in the ASCII form, or without a network.
    """
    with reading(path, "a Torch7 file"):
        data = read_file(path)
        if data[:2] in (b"3\n", b"4\n"):
            raise DamagedFileError("the ASCII form of Torch7 files, which this version does not read")
        root = _Reader(data).value(0)
        table = root if isinstance(root, dict) else {"model": root}
        model = table.get("model")
        if not isinstance(model, LuaObject):
            raise DamagedFileError(f"no `model`; its fields are {', '.join(map(str, list(table)[:8])) or 'none'}")
        options = table.get("opt")
        tensors: dict[str, Tensor] = {}
        modules: list[dict[str, Any]] = []
        _flatten(model, "", tensors, modules, 0)
    metadata = {"modules": modules, "options": _scalars(options) if isinstance(options, dict) else {}}
    return RawCheckpoint(path.name, "t7", tensors, metadata)


def _flatten(
    module: LuaObject, path: str, tensors: dict[str, Tensor], modules: list[dict[str, Any]], depth: int
) -> None:
    """Depth-first, in the order of `modules` tables."""
    if len(modules) >= MAX_MODULES or depth > MAX_DEPTH:
        raise DamagedFileError("a network of endlessly nested modules")
    kind = module.kind.rpartition(".")[2]
    modules.append({**_scalars(module.fields), "path": path, "kind": kind})
    prefix = f"{path}." if path else ""
    for name, value in module.fields.items():
        if isinstance(value, Tensor) and isinstance(name, str) and value.numel():
            tensors[prefix + name] = value
    children = module.fields.get("modules")
    if isinstance(children, dict):
        for index in range(1, len(children) + 1):
            child = children.get(index)
            if isinstance(child, LuaObject):
                _flatten(child, f"{prefix}{index}", tensors, modules, depth + 1)


def _scalars(table: dict[Any, Any]) -> dict[str, Any]:
    """The JSON-like entries of a Lua table."""
    return {
        name: value
        for name, value in table.items()
        if isinstance(name, str)
        and (isinstance(value, str | bool) or (isinstance(value, float) and math.isfinite(value)))
    }


class _Reader:
    """A position in the bytes and the objects numbered so far."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at, self.count = data, 0, 0
        self.objects: dict[int, Any] = {}

    def value(self, depth: int) -> Any:
        """The next value: nil, number, string, flag, table (dict), tensor, or LuaObject."""
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_OBJECTS:
            raise DamagedFileError("objects nested or repeated without end")
        tag = self._int()
        if tag == NIL:
            return None
        if tag == NUMBER:
            return struct.unpack("<d", self._bytes(8))[0]
        if tag == STRING:
            return self._text()
        if tag == BOOLEAN:
            return bool(self._int())
        if tag == FUNCTION:
            return self._function(depth)
        if tag not in (TABLE, TORCH, LEGACY_RECUR_FUNCTION, RECUR_FUNCTION):
            raise DamagedFileError(f"unknown type {tag} at byte {self.at - 4}")
        index = self._int()
        if index in self.objects:
            return self.objects[index]
        if tag == TABLE:
            return self._table(index, depth)
        if tag == TORCH:
            return self._object(index, depth)
        self.objects[index] = None
        return self._function(depth)

    def _table(self, index: int, depth: int) -> dict[Any, Any]:
        table: dict[Any, Any] = {}
        self.objects[index] = table
        size = self._int()
        if size < 0 or size * 8 > len(self.data) - self.at:
            raise DamagedFileError(f"a table of {size} entries at byte {self.at}")
        for _ in range(size):
            key, value = self.value(depth + 1), self.value(depth + 1)
            if isinstance(key, str | float | bool):
                table[key] = value
        return table

    def _object(self, index: int, depth: int) -> Any:
        name = self._text()
        if name.startswith("V "):  # the version of the class; files before 2012 have the name at once
            name = self._text()
        family, _, rest = name.rpartition(".")
        element = rest.removesuffix("Tensor").removesuffix("Storage")
        if family == "torch" and element in ELEMENTS and element != rest:
            read = self._tensor if rest.endswith("Tensor") else self._storage
            self.objects[index] = None  # a tensor that contains itself is damage, not a loop
            self.objects[index] = found = read(ELEMENTS[element], depth)
            return found
        self.objects[index] = found = LuaObject(name)
        fields = self.value(depth + 1)
        if isinstance(fields, dict):
            found.fields = fields
        return found

    def _tensor(self, dtype: torch.dtype, depth: int) -> Tensor:
        rank = self._int()
        if not 0 <= rank <= 16:
            raise DamagedFileError(f"a tensor of {rank} dimensions")
        sizes = struct.unpack(f"<{rank}q", self._bytes(8 * rank))
        strides = struct.unpack(f"<{rank}q", self._bytes(8 * rank))
        offset = self._long() - 1
        storage = self.value(depth + 1)
        count = element_count(sizes, "a tensor") if rank else 0
        if not count:
            return torch.empty(0, dtype=dtype)
        if not isinstance(storage, Tensor) or storage.ndim != 1 or storage.dtype != dtype:
            raise DamagedFileError("a tensor without its storage")
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if offset < 0 or min(strides) < 0 or last >= len(storage) or count > len(storage):
            raise DamagedFileError(f"a tensor of shape {sizes} outside its storage of {len(storage)}")
        return storage.as_strided(sizes, strides, offset)

    def _storage(self, dtype: torch.dtype, depth: int) -> Tensor:
        size = self._long()
        if size < 0 or size * dtype.itemsize > len(self.data) - self.at:
            raise DamagedFileError(f"{size} numbers at byte {self.at}, the file ends at {len(self.data)}")
        return to_tensor(self._bytes(size * dtype.itemsize), dtype, (size,), "a storage")

    def _function(self, depth: int) -> None:
        """Skip the bytecode and what it closes over."""
        self._bytes(self._int())
        self.value(depth + 1)

    def _bytes(self, count: int) -> memoryview:
        found = take(self.data, self.at, count, "a value")
        self.at += count
        return found

    def _int(self) -> int:
        return struct.unpack("<i", self._bytes(4))[0]

    def _long(self) -> int:
        return struct.unpack("<q", self._bytes(8))[0]

    def _text(self) -> str:
        return bytes(self._bytes(self._int())).decode("utf-8", errors="replace")
