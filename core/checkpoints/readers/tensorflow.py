"""TensorFlow checkpoints: V1 (one table file) and V2 (`.index` table and `.data-?????-of-?????` shards).

Message fields from tensorflow/core/util/saved_tensor_slice.proto and core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from ...errors import CheckpointError
from .._format import RawCheckpoint
from ._bytes import DamagedFileError, read_file, reading, reshape, to_tensor
from ._protobuf import Message
from ._sstable import CHECKED_BYTES, is_table, masked_crc32c, read_table

DTYPES = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    4: torch.uint8,
    5: torch.int16,
    6: torch.int8,
    9: torch.int64,
    10: torch.bool,
    14: torch.bfloat16,
    19: torch.float16,
}
"""Kinds that hold numbers; others (strings, resources) are left out."""
SHARD = re.compile(r"(?P<prefix>.+)\.data-\d{5}-of-\d{5}")
V1_FIELDS = {1: 5, 2: 6, 3: 7, 4: 7, 5: 7, 6: 7, 9: 10, 10: 11}
"""TensorProto's field of values by dtype."""


def matches(path: Path, head: bytes) -> bool:
    """A table file, a shard with its index, the prefix of both, or a folder that holds such files."""
    return _index_of(path) is not None or (path.is_file() and is_table(path)) or bool(_in_folder(path))


def read(path: Path) -> RawCheckpoint:
    """Read all numeric variables.

    Args:
        path: `x.ckpt` (V1), or `x.ckpt.index`, `x.ckpt.data-…`, the prefix `x.ckpt`, or the folder (V2).

    Returns:
        Tensors under their variable names, in TensorFlow's layouts, e.g. (h, w, in, out) for convolutions.

    Raises:
        CheckpointError: Damaged, incomplete, partitioned over several machines, or several in one folder.
    """
    found = _in_folder(path) if path.is_dir() else [path]
    if len(found) > 1:
        raise CheckpointError(
            f"The folder {path.name} holds several TensorFlow checkpoints.",
            expected="one, or a file called `checkpoint` that names the last one",
            got=", ".join(entry.name for entry in found[:6]),
            do="Name one of them.",
        )
    file = found[0]
    index = _index_of(file)
    with reading(path, "a TensorFlow checkpoint"):
        tensors = _read_v1(file) if index is None else _read_v2(index)
    name = path.name if path.is_dir() or index is None else index.stem
    return RawCheckpoint(name, "tensorflow", tensors, {"version": 1 if index is None else 2})


def _index_of(path: Path) -> Path | None:
    """The V2 index that belongs to a path: itself, its shard's, its prefix's."""
    shard = SHARD.fullmatch(path.name)
    prefix = shard["prefix"] if shard else path.name.removesuffix(".index")
    index = path.with_name(f"{prefix}.index")
    plain = path.suffix == ".index" or shard or not path.exists()
    return index if plain and index.is_file() and is_table(index) else None


def _in_folder(path: Path) -> list[Path]:
    """Checkpoints of a folder, or of the `variables` folder in a SavedModel; the one it calls the last first."""
    if not path.is_dir():
        return []
    folder = path / "variables" if (path / "variables" / "variables.index").is_file() else path
    state = folder / "checkpoint"
    if state.is_file() and state.stat().st_size < 1 << 20:
        line = re.search(r'^model_checkpoint_path:\s*"([^"]+)"', state.read_text("utf-8", "replace"), re.MULTILINE)
        named = folder / re.split(r"[\\/]", line[1])[-1] if line else None
        if named is not None and (_index_of(named) or is_table(named)):
            return [named]
    entries = sorted(entry for entry in folder.iterdir() if entry.is_file())
    return [e for e in entries if e.suffix == ".index" and is_table(e)] or [e for e in entries if is_table(e)]


def _read_v2(index: Path) -> dict[str, Tensor]:
    shards: dict[int, memoryview] = {}
    tensors: dict[str, Tensor] = {}
    count = 1
    for key, value in read_table(read_file(index)):
        name, entry = key.decode("utf-8", errors="replace"), Message(value)
        if not key:  # BundleHeaderProto
            count = entry.int(1, 1)
            if entry.int(2) != 0:
                raise DamagedFileError("numbers in big-endian order, which no PC writes")
            continue
        dtype = DTYPES.get(entry.int(1))
        if dtype is None:
            continue
        if 7 in entry:
            raise DamagedFileError(f"{name} is partitioned into slices, which this version does not read")
        number = entry.int(3)
        if number not in shards:
            shards[number] = read_file(index.with_name(f"{index.stem}.data-{number:05d}-of-{count:05d}"))
        offset, size = entry.int(4), entry.int(5)
        if offset < 0 or size < 0 or offset + size > len(shards[number]):
            raise DamagedFileError(f"{name} lies at {offset}+{size} of {len(shards[number])} bytes")
        data = shards[number][offset : offset + size]
        if size <= CHECKED_BYTES and masked_crc32c(data) != entry.fixed32(6):
            raise DamagedFileError(f"{name} has a wrong checksum")
        tensors[name] = to_tensor(data, dtype, _shape(entry.message(2)), name)
    return tensors


def _read_v1(file: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    known: dict[str, tuple[list[int], torch.dtype]] = {}
    for key, value in read_table(read_file(file)):
        message = Message(value)
        if not key:  # the entry with the empty key describes all others
            for meta in message.message(1).messages(1):
                if len(meta.blobs(4)) > 1:
                    raise DamagedFileError(
                        f"{meta.text(1)} is partitioned into slices, which this version does not read"
                    )
                if meta.int(3) in V1_FIELDS:
                    known[meta.text(1)] = (_shape(meta.message(2)), DTYPES[meta.int(3)])
            continue
        piece = message.message(2)
        name = piece.text(1)
        if name in known:
            shape, dtype = known[name]
            tensors[name] = reshape(_values(piece.message(3), dtype), shape, name)
    missing = known.keys() - tensors.keys()
    if missing:
        raise DamagedFileError(f"{len(missing)} variables without values, e.g. {min(missing)}")
    return tensors


def _values(proto: Message, dtype: torch.dtype) -> Tensor:
    """The numbers of a TensorProto, from its typed field."""
    number = next(V1_FIELDS[kind] for kind, known in DTYPES.items() if known == dtype)
    if dtype in (torch.float32, torch.float64):
        return proto.floats(number, dtype)
    return torch.tensor(proto.ints(number), dtype=torch.int64).to(dtype)


def _shape(proto: Message) -> list[int]:
    """Sides of a TensorShapeProto."""
    return [side.int(1) for side in proto.messages(2)]
