"""What the parsers of this folder share: bounded bytes in, checked tensors out, one error for damage."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...errors import CheckpointError

MAX_FILE_BYTES = 2**31
"""Protobuf's own limit; style networks are a hundredth of it."""


class DamagedFileError(ValueError):
    """Bytes that contradict themselves. `reading` turns it into a CheckpointError that names the file."""


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn everything that damaged bytes can cause into one four-part error.

    Args:
        path: For the message.
        kind: What the file claims to be, e.g. `an ONNX model`.

    Raises:
        CheckpointError: The body raised DamagedFileError, or could not read the file.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path.name} cannot be read.",
            expected=f"{kind} that this user may read",
            got=f"{type(error).__name__}: {error.strerror or error}",
            do="Check the path and its permissions.",
        ) from error
    except (ValueError, OverflowError, struct.error) as error:
        raise CheckpointError(
            f"{path.name} is damaged.",
            expected=f"a whole {kind.removeprefix('a ').removeprefix('an ')}",
            got=str(error),
            do="Get the file again: it may be a partial download.",
        ) from error


def read_file(path: Path) -> memoryview:
    """The whole file, read-only.

    Raises:
        DamagedFileError: Empty, or larger than any style network.
    """
    size = path.stat().st_size
    if size == 0:
        raise DamagedFileError("0 bytes")
    if size > MAX_FILE_BYTES:
        raise DamagedFileError(f"{size} bytes, more than the {MAX_FILE_BYTES} that such a file may have")
    return memoryview(path.read_bytes())


def take(data: memoryview, start: int, count: int, what: str) -> memoryview:
    """`data[start : start + count]`, but never less than asked for."""
    if start < 0 or count < 0 or start + count > len(data):
        raise DamagedFileError(f"{what} should have {count} bytes at {start}, the file ends at {len(data)}")
    return data[start : start + count]


def to_tensor(data: memoryview | bytes, dtype: torch.dtype, shape: Sequence[int], what: str) -> Tensor:
    """Little-endian bytes → a new CPU tensor of `shape`.

    Raises:
        DamagedFileError: The shape is impossible, or the bytes are not exactly as many as it needs.
    """
    expected = element_count(shape, what) * dtype.itemsize
    if expected != len(data):
        raise DamagedFileError(f"{what} of shape {tuple(shape)} needs {expected} bytes, it has {len(data)}")
    if not data:
        return torch.empty(tuple(shape), dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(tuple(shape))


def reshape(values: Tensor, shape: Sequence[int], what: str) -> Tensor:
    """`values` in `shape`, if they are exactly as many."""
    if element_count(shape, what) != values.numel():
        raise DamagedFileError(f"{what} of shape {tuple(shape)} has {values.numel()} values")
    return values.reshape(tuple(shape))


def element_count(shape: Sequence[int], what: str) -> int:
    """Product of the sides; no side may be negative, no rank absurd."""
    if len(shape) > 16 or any(side < 0 for side in shape):
        raise DamagedFileError(f"{what} has the impossible shape {tuple(shape)[:17]}")
    return math.prod(shape)
