"""A folder that holds a model in one or several files, e.g. MicroAST's encoders, modulator and decoder."""

from __future__ import annotations

from pathlib import Path

from ...errors import CheckpointError
from .._format import RawCheckpoint, join

MAX_FILES = 16
HEAD_BYTES = 1024


def matches(path: Path, head: bytes) -> bool:
    """Any folder: the last reader to be asked."""
    return path.is_dir()


def read(path: Path) -> RawCheckpoint:
    """Read every model file of the folder, by name; one alone stands for the folder.

    Raises:
        CheckpointError: No model file, or so many that it is a collection rather than one model.
        UnsafeCheckpointError: One of them wants to run code.
    """
    from . import READERS  # the list that this reader is in

    found = []
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    for file in filter(Path.is_file, entries):
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        reader = next((reader for reader in READERS if reader.matches(file, head)), None)
        if reader is not None:
            found.append((file, reader))
    if not 1 <= len(found) <= MAX_FILES:
        raise CheckpointError(
            f"The folder {path.name} is no model.",
            expected="the files of one model, e.g. a MicroAST or TensorFlow checkpoint",
            got=f"{len(found)} model files among {len(entries)} entries",
            do="Name a single file of it, or the folder of one model.",
        )
    parts = tuple(reader.read(file) for file, reader in found)
    return parts[0] if len(parts) == 1 else join(parts, path.name)
