"""Decompression of raw Snappy blocks (github.com/google/snappy, format_description.txt)."""

from __future__ import annotations

from ._bytes import DamagedFileError, take
from ._protobuf import read_varint

LARGEST_GAIN = 32
"""No element of the format yields more bytes per byte: a copy of 64 from 2 or 3."""


def decompress(data: memoryview) -> memoryview:
    """Raise DamagedFileError unless the block is well-formed and as long as it says."""
    size, at = read_varint(data, 0)
    if size > LARGEST_GAIN * len(data):
        raise DamagedFileError(f"a compressed block that claims {size} bytes")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(take(data, at, extra, "a block"), "little")
                at += extra
            out += take(data, at, length + 1, "a block")
            at += length + 1
        else:
            extra = (1, 2, 4)[(tag & 3) - 1]
            offset = int.from_bytes(take(data, at, extra, "a block"), "little")
            at += extra
            length = (tag >> 2) + 1
            if tag & 3 == 1:
                length, offset = (tag >> 2 & 7) + 4, offset | tag >> 5 << 8
            if not 0 < offset <= len(out):
                raise DamagedFileError("a compressed block that refers to bytes before its beginning")
            piece = out[-offset:][:length]
            out += (piece * (length // len(piece) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise DamagedFileError(f"a compressed block of {len(out)} bytes that claims {size}")
    return memoryview(bytes(out))
