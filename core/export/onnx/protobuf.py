"""A writer of the protocol-buffer wire format: the counterpart of checkpoints/readers/_protobuf.py.

The format is public (protobuf.dev/programming-guides/encoding). A message is the concatenation of its fields.
"""

from __future__ import annotations

import struct

VARINT, BYTES, FIXED32 = 0, 2, 5


def varint(value: int) -> bytes:
    """Base-128 number; negative ones as the unsigned 64-bit number of the same bits."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(number: int, value: int) -> bytes:
    """An int32, int64 or enum field."""
    return varint(number << 3 | VARINT) + varint(value)


def floating(number: int, value: float) -> bytes:
    """A float field."""
    return varint(number << 3 | FIXED32) + struct.pack("<f", value)


def blob(number: int, data: bytes) -> bytes:
    """A bytes or message field."""
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def text(number: int, value: str) -> bytes:
    """A string field."""
    return blob(number, value.encode("utf-8"))


def packed(number: int, values: tuple[int, ...]) -> bytes:
    """A repeated int64 field in one piece."""
    return blob(number, b"".join(map(varint, values)))
