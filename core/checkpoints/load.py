"""One call from a path to a StyleModel, whoever wrote the file; and to our own file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..spec import ModelSpec
from ..style_model import StyleModel
from ._format import Format, RawCheckpoint, Recognised, stem
from .companion import native_parts
from .detect import detect, read_several
from .native import build_with, model_from_native, save_checkpoint


def load_checkpoint(path: str | Path, *companions: str | Path) -> StyleModel:
    """Load a model from a file or folder; the container and the layout are found by content.

    Args:
        path: Our own .safetensors, or a foreign file or folder in one of the supported layouts.
        companions: Further files of a model that comes in several, e.g. an AdaIN decoder's encoder;
            in any order.

    Returns:
        A model on the CPU in float32 and eval mode.

    Raises:
        WeightsNotFoundError: There is no such file.
        CheckpointError: Damaged, incomplete, or without its companion.
        UnsafeCheckpointError: A pickle that wants to run code; it was not executed.
        UnsupportedCheckpointError: A layout that no architecture here has; the message names the closest.
    """
    raw = read_several(path, companions)
    native = native_parts(raw)
    if native is not None:
        return model_from_native(*native)
    found = detect(raw)
    known = translate(raw, found)
    spec = ModelSpec(
        architecture=known.architecture,
        hyperparameters=known.hyperparameters,
        normalization=known.normalization,
        styles=known.styles,
        title=stem(path),
        provenance=_provenance(raw, found),
    )
    return StyleModel(build_with(known.architecture, known.hyperparameters, known.state, raw.name), spec)


def convert_checkpoint(
    path: str | Path, *companions: str | Path, out: str | Path, dtype: torch.dtype | None = torch.float16
) -> Path:
    """Load any supported model and write it as our own file, with the hashes of what it came from.

    Args:
        path: As in `load_checkpoint`.
        companions: As in `load_checkpoint`.
        out: Target .safetensors; written whole or not at all.
        dtype: Of the stored weights; None keeps float32.

    Returns:
        `out`.

    Raises:
        CheckpointError: As in `load_checkpoint`, or a weight does not fit `dtype`.
        BrushworkError: `out` cannot be written.
    """
    model = load_checkpoint(path, *companions)
    hashes = {file.name: _sha256(file) for source in (path, *companions) for file in _files(Path(source))}
    model.spec = model.spec.with_(provenance={**model.spec.provenance, "converted_from_sha256": hashes})
    return save_checkpoint(model, out, dtype=dtype)


def translate(raw: RawCheckpoint, found: Format) -> Recognised:
    """`found.convert`, with a four-part error where the tensors do not have the layout's dimensions.

    Raises:
        CheckpointError: The keys are those of the layout, the shapes are not; or a companion is missing.
    """
    try:
        return found.convert(raw)
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{raw.name} has the names of {found.title}, but not its shapes.",
            expected=f"the dimensions of {found.id}",
            got=f"{type(error).__name__}: {error}",
            do="The file is damaged or from another program with the same names: get it again.",
        ) from error


def _provenance(raw: RawCheckpoint, found: Format) -> dict[str, Any]:
    files = [part.name for part in raw.parts or (raw,)]
    return {"format": found.id, "container": raw.container, "files": files}


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
