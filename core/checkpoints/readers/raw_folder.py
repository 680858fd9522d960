"""A folder with one raw float32 file per variable and a manifest.json: how deeplearn.js dumped TensorFlow nets."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from .._format import RawCheckpoint
from ._bytes import DamagedFileError, read_file, reading, to_tensor

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 22


def matches(path: Path, head: bytes) -> bool:
    """A folder with a manifest, or that manifest itself."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.name == MANIFEST and b'"filename"' in head


def read(path: Path) -> RawCheckpoint:
    """Read every variable that the manifest names.

    Args:
        path: The folder, or its manifest.json: {name: {"filename": …, "shape": […]}}.

    Returns:
        float32 tensors under their variable names, in TensorFlow's layouts.

    Raises:
        CheckpointError: A manifest of another kind, a missing file, or one of another size than its shape.
    """
    folder = path if path.is_dir() else path.parent
    with reading(path, "a folder of raw variables"):
        text = read_file(folder / MANIFEST)
        if len(text) > MAX_MANIFEST_BYTES:
            raise DamagedFileError(f"a {MANIFEST} of {len(text)} bytes")
        try:
            manifest = json.loads(bytes(text))
        except RecursionError:
            manifest = None
        if not isinstance(manifest, dict) or not manifest:
            raise DamagedFileError(f"a {MANIFEST} that lists no variables")
        tensors = {name: _variable(folder, name, entry) for name, entry in manifest.items()}
    return RawCheckpoint(folder.name, "raw-folder", tensors)


def _variable(folder: Path, name: str, entry: object) -> Tensor:
    file, shape = (entry.get("filename"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
    if not isinstance(file, str) or Path(file).name != file or "\\" in file or file in ("", ".", ".."):
        raise DamagedFileError(f"`{name}` is said to lie in {file!r}, which is not a file of this folder")
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise DamagedFileError(f"`{name}` has the shape {shape!r}")
    return to_tensor(read_file(folder / file), torch.float32, shape, name)
