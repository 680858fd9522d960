"""Safetensors: ours, and others'. The header is checked here before the library sees a byte."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .._format import RawCheckpoint

MAX_HEADER_BYTES = 100_000_000
"""The library's own limit."""
ITEM_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64,
}  # fmt: skip


def matches(path: Path, head: bytes) -> bool:
    """Eight bytes of header length, then JSON; a file with this suffix is meant to be one."""
    return head[8:10] in (b'{"', b"{}", b"{ ") or (path.suffix.lower() == ".safetensors" and path.is_file())


def read(path: Path) -> RawCheckpoint:
    """Read and check the whole file.

    Raises:
        CheckpointError: The header is absurd, malformed, or promises more than the file holds.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = path.read_bytes()
    header = _check_header(path.name, data)
    try:
        loaded = load(data)
        tensors = {key: loaded[key] for key in header if key != "__metadata__"}  # the library's order is random
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path.name, "tensors that the library can read", str(error)) from error
    metadata = {key: _json(value) for key, value in (header.get("__metadata__") or {}).items()}
    return RawCheckpoint(path.name, "safetensors", tensors, metadata)


def _json(text: str) -> Any:
    """The value of a JSON string, or the string itself."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def _check_header(name: str, data: bytes) -> dict[str, Any]:
    if len(data) < 10:
        raise _damaged(name, "at least a header", f"{len(data)} bytes")
    (length,) = struct.unpack("<Q", data[:8])
    if length > MAX_HEADER_BYTES or 8 + length > len(data):
        raise _damaged(name, f"a header that fits into {len(data)} bytes", f"a header length of {length} bytes")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _damaged(name, "a JSON header", str(error)) from error
    if not isinstance(header, dict):
        raise _damaged(name, "a JSON object as header", type(header).__name__)
    body = len(data) - 8 - length
    for key, entry in header.items():
        if key != "__metadata__":
            _check_entry(name, key, entry, body)
    return header


def _check_entry(name: str, key: str, entry: Any, body: int) -> None:
    try:
        begin, end = (int(offset) for offset in entry["data_offsets"])
        bits = ITEM_BITS[entry["dtype"]] * math.prod(int(side) for side in entry["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(name, f"dtype, shape and data_offsets of `{key}`", f"{type(error).__name__}: {error}") from error
    if not 0 <= begin <= end or (end - begin) * 8 != bits:
        raise _damaged(name, f"{bits // 8} bytes for `{key}`", f"data_offsets {begin}..{end}")
    if end > body:
        raise _damaged(name, f"{end} bytes of tensors", f"{body}: the file is truncated in `{key}` or before")


def _damaged(name: str, expected: str, got: str) -> CheckpointError:
    return CheckpointError(
        f"{name} is a damaged safetensors file.",
        expected=expected,
        got=got,
        do="Download or copy it again; nothing was loaded.",
    )
