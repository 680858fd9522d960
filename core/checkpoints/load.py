"""One call from a path to a StyleModel, whoever wrote the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..architectures import build_network
from ..spec import ModelSpec
from ..style_model import StyleModel
from ._format import Format, RawCheckpoint
from .detect import detect, read_several
from .native import METADATA_KEY, load_weights, model_from_native


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
    if METADATA_KEY in raw.metadata:
        return model_from_native(dict(raw.tensors), raw.metadata[METADATA_KEY], raw.name)
    return _from_foreign(raw, detect(raw))


def _from_foreign(raw: RawCheckpoint, found: Format) -> StyleModel:
    known = found.convert(raw)
    spec = ModelSpec(
        architecture=known.architecture,
        hyperparameters=known.hyperparameters,
        normalization=known.normalization,
        styles=known.styles,
        title=raw.stem,
        provenance=_provenance(raw, found),
    )
    network = build_network(known.architecture, known.hyperparameters)
    return StyleModel(load_weights(network, dict(known.state), raw.name), spec)


def _provenance(raw: RawCheckpoint, found: Format) -> dict[str, Any]:
    return {
        "format": found.id,
        "container": raw.container,
        "files": [part.name for part in raw.parts or (raw,)],
    }
