"""A native file that leaves its encoder to another file, so that no tensor is shipped twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, UnsupportedCheckpointError
from ._format import METADATA_KEY, RawCheckpoint

HEADER_FIELD = "companion"
"""In the header of the file that needs one: {prefix, sha256, tensors}."""


def needs_companion(path: Path) -> bool:
    """Whether a file is one of ours that leaves tensors to another; no tensor is read."""
    from ..hub.bundled import read_native_header

    try:
        return HEADER_FIELD in read_native_header(path)
    except CheckpointError:
        return False


def describe_companion(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """What the header says about the tensors under `prefix`, which the file leaves out."""
    taken = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    return {"prefix": prefix, "tensors": sorted(taken), "sha256": fingerprint(taken)}


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values in float16: the same for a float16 and a float32 file of one network."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        stored = tensors[key].detach().to("cpu", torch.float16).contiguous()
        digest.update(f"{key}{tuple(stored.shape)}".encode())
        digest.update(stored.numpy().tobytes())
    return digest.hexdigest()


def native_parts(raw: RawCheckpoint) -> tuple[dict[str, Tensor], dict[str, Any], str] | None:
    """Tensors, header and name of a native model, with what its companion brings; None for foreign files.

    Raises:
        CheckpointError: A companion is missing, or is not the network that the model was trained with.
        UnsupportedCheckpointError: An encoder alone, which is no style model.
    """
    models = [part for part in raw.parts or (raw,) if METADATA_KEY in part.metadata and not is_encoder(part)]
    if not models:
        if not raw.parts and METADATA_KEY in raw.metadata:
            raise UnsupportedCheckpointError(
                f"{raw.name} is an encoder, not a style model.",
                expected="a model that paints",
                got="a loss network, or the part of one that an AdaIN decoder needs",
                do="Give the style model, and this file as its companion.",
            )
        return None
    model = models[0]
    others = [part for part in raw.parts if part is not model]
    header: dict[str, Any] = model.metadata[METADATA_KEY]
    wanted = header.get(HEADER_FIELD) if isinstance(header, Mapping) else None
    if not wanted:
        return None if others else (dict(model.tensors), header, model.name)
    if not isinstance(wanted, Mapping) or not {"prefix", "tensors", "sha256"} <= wanted.keys():
        wanted = {"prefix": "companion", "tensors": (), "sha256": "unknown"}
        raise _unfit(model, wanted, "a header that does not say which: the file is damaged")
    if len(others) != 1:
        raise _unfit(model, wanted, f"{len(others)} other files")
    keys = [str(key) for key in wanted["tensors"]]
    given = {key: others[0].tensors[key] for key in keys if key in others[0].tensors}
    if len(given) != len(keys):
        raise _unfit(model, wanted, f"{others[0].name}, which has {len(given)} of these tensors")
    if fingerprint(given) != wanted["sha256"]:
        raise _unfit(model, wanted, f"{others[0].name}, which has other values")
    added = {f"{wanted['prefix']}{key}": tensor for key, tensor in given.items()}
    return {**model.tensors, **added}, header, model.name


def is_encoder(raw: RawCheckpoint) -> bool:
    """Whether a native file holds a loss network."""
    header = raw.metadata.get(METADATA_KEY)
    return isinstance(header, Mapping) and header.get("kind") == "encoder"


def _unfit(model: RawCheckpoint, wanted: Mapping[str, Any], got: str) -> CheckpointError:
    return CheckpointError(
        f"{model.name} needs the {str(wanted['prefix']).strip('.')} that it was trained with, from another file.",
        expected=f"one companion with {len(wanted['tensors'])} tensors, fingerprint {str(wanted['sha256'])[:12]}…",
        got=got,
        do="Give that file as companion; for bundled models choose them by id, which brings it along.",
    )
