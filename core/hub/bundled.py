"""Manifest entries of bundled files, from what the files say of themselves."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .integrity import sha256_of
from .manifest import PACK_ROOT

METADATA_KEY = "brushwork"
SIZE_BYTES = 8
"""A safetensors file starts with the length of its JSON header, little-endian."""


def entry_for_bundled(path: str | Path) -> dict[str, Any]:
    """The weights_manifest.json entry of a native file, ready for the list `entries`.

    Title, architecture, normalization, styles, licence and attribution come from the file's header; what a
    header lacks (paper, thumbnail, companions) is added by hand.

    Args:
        path: A .safetensors file of ours inside the pack, usually in weights/.

    Raises:
        CheckpointError: No native file, or one outside the pack.
    """
    from ..checkpoints.native import spec_from_dict  # all readers of foreign formats hang on it

    path = Path(path).resolve()
    if not path.is_relative_to(PACK_ROOT):
        raise _unfit(path, f"a file below {PACK_ROOT}", "another folder")
    header = read_native_header(path)
    spec = spec_from_dict(header, path.name)
    return {
        "id": path.stem.replace("_", "-").lower(),
        "title": spec.title or path.stem,
        "kind": header.get("kind", "style_model"),
        "architecture": spec.architecture,
        "source": {"type": "bundled", "path": path.relative_to(PACK_ROOT).as_posix()},
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path, fresh=True),
        "format": "safetensors",
        "input_normalization": None if spec.normalization.name == "custom" else spec.normalization.name,
        "styles": list(spec.style_names),
        "license": spec.license,
        "attribution": spec.attribution or "the Brushwork project",
    }


def read_native_header(path: Path) -> dict[str, Any]:
    """The JSON under `brushwork` in the header of one of our files; no tensor is read.

    Raises:
        CheckpointError: Not a safetensors file of ours.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(SIZE_BYTES))
            if length > path.stat().st_size:
                raise ValueError("the header is longer than the file")
            return json.loads(json.loads(file.read(length))["__metadata__"][METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise _unfit(path, "a .safetensors file that Brushwork wrote", f"{type(error).__name__}: {error}") from error


def _unfit(path: Path, expected: str, got: str) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be a bundled model.",
        expected=expected,
        got=got,
        do="Write it with `brushwork convert FILE -o weights/NAME.safetensors`.",
    )
