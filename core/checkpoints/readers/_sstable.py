"""The sorted table in which TensorFlow keeps names and, in its first format, also the numbers.

LevelDB's format (github.com/google/leveldb, doc/table_format.md): blocks of key–value pairs with shared
prefixes, an index block that points at them, a footer of 48 bytes that points at the index.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from ._bytes import DamagedFileError, take
from ._protobuf import read_varint
from ._snappy import decompress

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
FOOTER = 48
CHECKED_BYTES = 1 << 16
"""Blocks up to this size have their checksum verified; in plain Python a large one takes too long."""
MAX_ENTRIES = 1_000_000


def is_table(path: Path) -> bool:
    """Whether the file ends as a table does."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) < FOOTER:
                return False
            file.seek(-len(MAGIC), 2)
            return file.read() == MAGIC
    except OSError:
        return False


def read_table(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """All entries in the order of their keys.

    Raises:
        DamagedFileError: No table, a wrong checksum, or lengths that do not fit.
    """
    if len(data) < FOOTER or data[-len(MAGIC) :] != MAGIC:
        raise DamagedFileError("it does not end as a TensorFlow table does")
    _, at = _handle(data[-FOOTER:], 0)
    index, _ = _handle(data[-FOOTER:], at)
    count = 0
    for _, pointer in _entries(_block(data, *index)):
        block, _ = _handle(pointer, 0)
        for entry in _entries(_block(data, *block)):
            count += 1
            if count > MAX_ENTRIES:
                raise DamagedFileError("a table without end")
            yield entry


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    """((offset, size), position behind) of a block handle."""
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return (offset, size), at


def _block(data: memoryview, offset: int, size: int) -> memoryview:
    """Contents of one block, decompressed, checked."""
    stored = take(data, offset, size + 5, "a block")
    content, kind, checksum = stored[:size], stored[size], struct.unpack("<I", stored[size + 1 :])[0]
    if size <= CHECKED_BYTES and masked_crc32c(stored[: size + 1]) != checksum:
        raise DamagedFileError(f"the block at byte {offset} has a wrong checksum")
    if kind == 0:
        return content
    if kind == 1:
        return decompress(content)
    raise DamagedFileError(f"the block at byte {offset} has the unknown compression {kind}")


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Entries up to the list of restart points at the block's end."""
    restarts = struct.unpack("<I", take(block, len(block) - 4, 4, "a block"))[0]
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise DamagedFileError(f"a block of {len(block)} bytes with {restarts} restart points")
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        fresh, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key):
            raise DamagedFileError("a key that shares more than the key before it has")
        key = key[:shared] + bytes(take(block, at, fresh, "a key"))
        at += fresh
        yield key, take(block, at, length, "a value")
        at += length


def masked_crc32c(data: memoryview | bytes) -> int:
    """CRC-32C (Castagnoli), rotated and shifted as the format stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC_TABLE = _crc_table()
