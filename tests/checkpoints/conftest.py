"""Writers of foreign containers, straight from their documented formats, and a way to damage what they wrote."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import BrushworkError
from torch import Tensor


@pytest.fixture
def survives_damage() -> Callable[[Path], None]:
    """Truncate and flip a file in many ways: each copy loads or gives a Brushwork error, nothing else."""

    def check(file: Path, model: Path | None = None, flips: int = 60) -> None:
        whole = file.read_bytes()
        rng = random.Random(7)
        copies = [whole[: len(whole) * i // 20] for i in range(20)]
        for _ in range(flips):
            copy = bytearray(whole)
            # the headers, where lengths and counts are, get half of the flips
            for _ in range(rng.choice((1, 3))):
                at = rng.randrange(len(copy) if rng.random() < 0.5 else min(len(copy), 4096))
                copy[at] = rng.choice((0, 0x7F, 0xFF, rng.randrange(256)))
            copies.append(bytes(copy))
        refused = loaded = 0
        for copy in copies:
            file.write_bytes(copy)
            try:
                load_checkpoint(model or file)
            except BrushworkError as error:
                refused += bool(error.what and error.got and error.do)
            else:
                loaded += 1
        file.write_bytes(whole)
        assert refused + loaded == len(copies)  # no error without its four parts
        assert refused >= 19  # a truncation is never taken for a whole file

    return check


@pytest.fixture
def proto() -> Callable[..., bytes]:
    """Encode protocol-buffer fields: proto((1, 5), (2, b"…"), (3, 0.5)) → bytes."""
    return encode


def encode(*fields: tuple[int, Any]) -> bytes:
    """Ints become varints, floats fixed32, strings and bytes length-delimited."""
    out = b""
    for number, value in fields:
        if isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        elif isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value)
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def varint(value: int) -> bytes:
    """Base 128, least significant group first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


@pytest.fixture
def t7() -> SimpleNamespace:
    """`t7.module(kind, **fields)` makes a Torch object, `t7.write(path, value)` saves anything."""

    def module(kind: str, **fields: Any) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, fields=fields)

    return SimpleNamespace(module=module, write=lambda path, value: path.write_bytes(_Torch7().value(value)))


class _Torch7:
    """Binary, 64-bit little-endian, as torch.save writes."""

    names = {torch.float32: "Float", torch.float64: "Double", torch.int64: "Long"}

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.alive: list[Any] = []

    def value(self, value: Any) -> bytes:
        if value is None:
            return struct.pack("<i", 0)
        if isinstance(value, bool):
            return struct.pack("<ii", 5, value)
        if isinstance(value, int | float):
            return struct.pack("<id", 1, value)
        if isinstance(value, str):
            return struct.pack("<i", 2) + self.text(value)
        if isinstance(value, bytes):  # a Lua function: bytecode and its upvalues
            return self.numbered(8, value, lambda: self.text(value) + self.value({}))
        if isinstance(value, list):
            return self.value(dict(enumerate(value, 1)))
        if isinstance(value, dict):
            return self.numbered(3, value, lambda: struct.pack("<i", len(value)) + self.pairs(value))
        if isinstance(value, Tensor):
            return self.numbered(4, value, lambda: self.tensor(value))
        return self.numbered(4, value, lambda: self.name(value.kind) + self.value(value.fields))

    def pairs(self, table: Mapping[Any, Any]) -> bytes:
        return b"".join(self.value(key) + self.value(value) for key, value in table.items())

    def numbered(self, tag: int, value: Any, body: Callable[[], bytes]) -> bytes:
        if id(value) in self.seen:
            return struct.pack("<ii", tag, self.seen[id(value)])
        self.alive.append(value)
        self.seen[id(value)] = len(self.alive)
        return struct.pack("<ii", tag, len(self.alive)) + body()

    def tensor(self, value: Tensor) -> bytes:
        name = self.names[value.dtype]
        storage = value.untyped_storage().tolist()
        raw = bytes(storage)
        head = struct.pack(
            f"<i{2 * value.ndim}qq", value.ndim, *value.shape, *value.stride(), value.storage_offset() + 1
        )
        self.alive.append(object())
        body = struct.pack("<ii", 4, len(self.alive)) + self.name(f"torch.{name}Storage")
        return self.name(f"torch.{name}Tensor") + head + body + struct.pack("<q", len(raw) // value.itemsize) + raw

    def name(self, kind: str) -> bytes:
        return self.text("V 1") + self.text(kind)

    def text(self, text: str | bytes) -> bytes:
        data = text.encode() if isinstance(text, str) else text
        return struct.pack("<i", len(data)) + data


@pytest.fixture
def tf() -> SimpleNamespace:
    """`tf.v1(path, variables)`, `tf.v2(prefix, variables)`, both optionally with `snappy=True`."""
    return SimpleNamespace(v1=_v1, v2=_v2, table=_table, snappy=_snappy, crc=_crc)


def _shape(tensor: Tensor) -> bytes:
    return b"".join(encode((2, encode((1, side)))) for side in tensor.shape)


def _v1(path: Path, variables: Mapping[str, Tensor], snappy: bool = False) -> None:
    metas = [encode((1, n), (2, _shape(t)), (3, 1), (4, encode((1, b"")))) for n, t in variables.items()]
    entries = {b"": encode((1, b"".join(encode((1, meta)) for meta in metas)))}
    for name, tensor in sorted(variables.items()):
        values = encode((1, 1), (5, struct.pack(f"<{tensor.numel()}f", *tensor.flatten().tolist())))
        entries[b"\x00\x01" + name.encode()] = encode((2, encode((1, name), (2, b""), (3, values))))
    path.write_bytes(_table(entries, snappy))


def _v2(prefix: Path, variables: Mapping[str, Tensor], snappy: bool = False) -> None:
    entries, data = {b"": encode((1, 1), (3, encode((1, 1))))}, b""
    for name, tensor in sorted(variables.items()):
        raw = struct.pack(f"<{tensor.numel()}f", *tensor.flatten().tolist())
        place = encode((1, 1), (2, _shape(tensor)), (4, len(data)), (5, len(raw)))
        entries[name.encode()] = place + varint(6 << 3 | 5) + struct.pack("<I", _crc(raw))
        data += raw
    prefix.with_name(f"{prefix.name}.index").write_bytes(_table(entries, snappy))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)


def _table(entries: Mapping[bytes, bytes], snappy: bool = False, per_block: int = 5) -> bytes:
    """LevelDB's table: data blocks, an empty meta index, the index, the footer."""
    out = b""

    def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
        nonlocal out
        body, last, restarts = b"", b"", []
        for i, (key, value) in enumerate(pairs):
            shared = 0
            if i % 3 == 0:
                restarts.append(len(body))
            else:
                while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                    shared += 1
            body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            last = key
        body += struct.pack(f"<{len(restarts)}II", *restarts, len(restarts))
        stored = (_snappy(body) + b"\x01") if snappy else (body + b"\x00")
        handle = varint(len(out)) + varint(len(stored) - 1)
        out += stored + struct.pack("<I", _crc(stored))
        return handle

    items = sorted(entries.items())
    groups = [items[i : i + per_block] for i in range(0, len(items), per_block)]
    index = [(group[-1][0], block(group)) for group in groups]
    footer = block([]) + block(index)
    return out + footer.ljust(40, b"\x00") + struct.pack("<Q", 0xDB4775248B80FB57)


def _crc(data: bytes) -> int:
    """Masked CRC-32C."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _snappy(data: bytes) -> bytes:
    """Greedy: a copy wherever four bytes were seen before, literals between."""
    out, seen, start, at = bytearray(varint(len(data))), {}, 0, 0

    def literal(piece: bytes) -> None:
        while piece:
            head, piece = piece[:60000], piece[60000:]
            size = len(head) - 1
            out.extend((size << 2,) if size < 60 else (61 << 2, *struct.pack("<H", size)))
            out.extend(head)

    while at < len(data):
        quad = data[at : at + 4]
        before = seen.get(quad)
        seen[quad] = at
        if before is None or len(quad) < 4 or at - before > 65535:
            at += 1
            continue
        size = 4
        while size < 64 and at + size < len(data) and data[before + size] == data[at + size]:
            size += 1
        literal(data[start:at])
        offset = at - before
        if size < 12 and offset < 2048:
            out.extend((offset >> 8 << 5 | (size - 4) << 2 | 1, offset & 255))
        else:
            out.extend(((size - 1) << 2 | 2, *struct.pack("<H", offset)))
        at += size
        start = at
    literal(data[start:])
    return bytes(out)
