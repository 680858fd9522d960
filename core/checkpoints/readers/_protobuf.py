"""A reader of the protocol-buffer wire format, as much of it as ONNX, CoreML and TensorFlow files use.

The format is public (protobuf.dev/programming-guides/encoding). Fields are known by number, messages are
parsed one level at a time when asked for, so nesting in the file never becomes recursion here.
"""

from __future__ import annotations

import struct

import torch
from torch import Tensor

from ._bytes import DamagedFileError, take, to_tensor

MAX_FIELDS = 2_000_000
"""Per message; beyond it the file is an attack or garbage."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """(value, position behind it) of a base-128 number of at most 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise DamagedFileError("a number runs over the end of the file")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise DamagedFileError("a number has more than 64 bits")


def signed(value: int) -> int:
    """The int64 that an unsigned varint stands for."""
    return value - 2**64 if value >= 2**63 else value


class Message:
    """One message: its fields by number, in file order, nested messages still as bytes.

    Args:
        data: Exactly the bytes of the message.

    Raises:
        DamagedFileError: Not a well-formed message.
    """

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[tuple[int, int | memoryview]]] = {}
        position = count = 0
        while position < len(data):
            key, position = read_varint(data, position)
            number, wire = key >> 3, key & 7
            value: int | memoryview
            if number == 0:
                raise DamagedFileError("a field without a number")
            if wire == VARINT:
                value, position = read_varint(data, position)
            elif wire in (FIXED64, FIXED32, BYTES):
                size = {FIXED64: 8, FIXED32: 4}.get(wire, -1)
                if wire == BYTES:
                    size, position = read_varint(data, position)
                value = take(data, position, size, f"field {number}")
                position += size
            else:
                raise DamagedFileError(f"field {number} has the unknown wire type {wire}")
            self._fields.setdefault(number, []).append((wire, value))
            count += 1
            if count > MAX_FIELDS:
                raise DamagedFileError(f"a message with more than {MAX_FIELDS} fields")

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def numbers(self) -> list[int]:
        """Field numbers present, in order of first appearance."""
        return list(self._fields)

    def blobs(self, number: int) -> list[memoryview]:
        """All length-delimited values of a field."""
        return [v for w, v in self._fields.get(number, []) if w == BYTES and isinstance(v, memoryview)]

    def blob(self, number: int) -> memoryview:
        """The last one (protobuf's rule for a field given twice), or no bytes."""
        found = self.blobs(number)
        return found[-1] if found else memoryview(b"")

    def texts(self, number: int) -> list[str]:
        """All strings of a field."""
        return [bytes(v).decode("utf-8", errors="replace") for v in self.blobs(number)]

    def text(self, number: int) -> str:
        """A string field, empty where absent."""
        return bytes(self.blob(number)).decode("utf-8", errors="replace")

    def messages(self, number: int) -> list[Message]:
        """All messages of a field, parsed now."""
        return [Message(v) for v in self.blobs(number)]

    def message(self, number: int) -> Message:
        """A message field; an empty message where absent, as protobuf has it."""
        return Message(self.blob(number))

    def int(self, number: int, default: int = 0) -> int:
        """A varint field as signed 64-bit number."""
        found = self.ints(number)
        return found[-1] if found else default

    def ints(self, number: int) -> list[int]:
        """A repeated varint field, packed or not, as signed 64-bit numbers."""
        values: list[int] = []
        for wire, value in self._fields.get(number, []):
            if wire == VARINT and isinstance(value, int):
                values.append(signed(value))
            elif wire == BYTES and isinstance(value, memoryview):
                position = 0
                while position < len(value) and len(values) <= MAX_FIELDS:
                    item, position = read_varint(value, position)
                    values.append(signed(item))
            if len(values) > MAX_FIELDS:
                raise DamagedFileError(f"field {number} has more than {MAX_FIELDS} numbers")
        return values

    def fixed32(self, number: int) -> int | None:
        """A fixed32 field, None where absent."""
        found = [v for w, v in self._fields.get(number, []) if w == FIXED32 and isinstance(v, memoryview)]
        return struct.unpack("<I", found[-1])[0] if found else None

    def float(self, number: int, default: float = 0.0) -> float:
        """A float field."""
        found = self.floats(number)
        return float(found[-1]) if len(found) else default

    def floats(self, number: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A repeated float or double field, packed or not, as 1-d tensor."""
        single = FIXED32 if dtype.itemsize == 4 else FIXED64
        parts = [v for w, v in self._fields.get(number, []) if w in (BYTES, single) and isinstance(v, memoryview)]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(data) % dtype.itemsize:
            raise DamagedFileError(f"field {number} is no whole number of floats")
        return to_tensor(data, dtype, (len(data) // dtype.itemsize,), f"field {number}")
