"""A folder that holds a model in several files, e.g. MicroAST's encoder, modulator and decoder."""

from __future__ import annotations

from pathlib import Path

from ...errors import CheckpointError
from .._format import RawCheckpoint, join
from . import safetensors_file, torch_file

MAX_FILES = 16


def matches(path: Path, head: bytes) -> bool:
    """Any folder: the last reader to be asked."""
    return path.is_dir()


def read(path: Path) -> RawCheckpoint:
    """Read every PyTorch or safetensors file of the folder, by name; one file alone stands for the folder.

    Raises:
        CheckpointError: None, or so many that it is a collection of models rather than one.
        UnsafeCheckpointError: One of them wants to run code.
    """
    found = []
    for file in sorted(
        entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")
    ):
        with file.open("rb") as stream:
            head = stream.read(16)
        readers = [r for r in (safetensors_file, torch_file) if r.matches(file, head)]
        if readers:
            found.append((file, readers[0]))
    if not 1 <= len(found) <= MAX_FILES:
        raise CheckpointError(
            f"The folder {path.name} is no model.",
            expected="the files of one model, e.g. a MicroAST or TensorFlow checkpoint",
            got=f"{len(found)} model files among {len(list(path.iterdir()))} entries",
            do="Name a single file of it, or the folder of one model.",
        )
    parts = tuple(reader.read(file) for file, reader in found)
    return parts[0] if len(parts) == 1 else join(parts, path.name)
