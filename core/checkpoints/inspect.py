"""What a file is, without building a network: for `brushwork inspect`, also where loading is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..architectures import ARCHITECTURES
from ..errors import CheckpointError, UnsupportedCheckpointError
from ..spec import ModelSpec
from ._format import METADATA_KEY, RawCheckpoint
from .companion import native_parts
from .detect import detect, read_several
from .load import translate
from .native import spec_from_dict

NATIVE_FORMAT = "brushwork"


@dataclass(frozen=True)
class Inspection:
    """Facts about one model, readable or not."""

    path: str
    container: str
    """safetensors | torch | onnx | t7 | tensorflow | coreml | raw-folder | several."""
    format: str
    """Id of the layout, `brushwork` for ours, empty where unknown."""
    format_title: str
    architecture: str
    """Id in the registry, empty where unknown."""
    architecture_title: str
    paper: str
    """arXiv id."""
    style_kind: str
    """fixed | conditional | image."""
    hyperparameters: Mapping[str, Any]
    normalization: str
    """Preset name: unit | raw255 | bgr255 | imagenet | caffe | custom."""
    styles: tuple[str, ...]
    tensors: int
    parameters: int
    """Numbers in all tensors of the file, duplicates included."""
    dtype: str
    """The commonest of the tensors."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Title, licence, attribution, margin, provenance and training records; for foreign files what stands beside."""
    warnings: tuple[str, ...] = ()
    explanation: str = ""
    """Why it cannot be loaded; empty where it can."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            **asdict(self),
            "hyperparameters": dict(self.hyperparameters),
            "metadata": dict(self.metadata),
        }


def inspect_checkpoint(path: str | Path, *companions: str | Path) -> Inspection:
    """Say what a file or folder holds. Builds no network, executes nothing.

    Args:
        path: As in `load_checkpoint`.
        companions: As in `load_checkpoint`.

    Returns:
        The facts; a layout that is unknown or incomplete is explained in `explanation` instead of raised.

    Raises:
        WeightsNotFoundError: There is no such file.
        CheckpointError: Empty, damaged, unsafe, or no container that can be opened.
    """
    raw = read_several(path, companions)
    facts = _tensor_facts(raw) | {"path": str(path)}
    ours = [part for part in raw.parts or (raw,) if METADATA_KEY in part.metadata]
    if ours:
        return _inspect_native(raw, ours[0], facts)
    try:
        found = detect(raw)
    except UnsupportedCheckpointError as error:
        return Inspection(**facts, **_spec_facts(None), format="", format_title="", explanation=str(error))
    names: dict[str, Any] = {"format": found.id, "format_title": found.title}
    try:
        known = translate(raw, found)
    except CheckpointError as error:
        return Inspection(**facts, **_spec_facts(None), **names, explanation=str(error))
    spec = ModelSpec(known.architecture, known.hyperparameters, known.normalization, known.styles)
    return Inspection(**facts, **_spec_facts(spec, raw.metadata), **names)


def _inspect_native(raw: RawCheckpoint, model: RawCheckpoint, facts: dict[str, Any]) -> Inspection:
    """A file of ours, alone or with companions."""
    spec = _spec_facts(spec_from_dict(model.metadata[METADATA_KEY], model.name))
    try:
        explanation = "" if native_parts(raw) is not None else str(detect(raw))
    except CheckpointError as error:
        explanation = str(error)
    return Inspection(**facts, **spec, format=NATIVE_FORMAT, format_title="Brushwork", explanation=explanation)


def _tensor_facts(raw: RawCheckpoint) -> dict[str, Any]:
    dtypes = Counter(str(tensor.dtype).removeprefix("torch.") for tensor in raw.tensors.values())
    return {
        "container": raw.container,
        "tensors": len(raw.tensors),
        "parameters": sum(tensor.numel() for tensor in raw.tensors.values()),
        "dtype": dtypes.most_common(1)[0][0] if dtypes else "",
    }


def _spec_facts(spec: ModelSpec | None, beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the spec knows; `beside` is a foreign file's own metadata."""
    if spec is None:
        empty = dict.fromkeys(("architecture", "architecture_title", "paper", "style_kind", "normalization"), "")
        return {**empty, "hyperparameters": {}, "styles": ()}
    known = ARCHITECTURES.get(spec.architecture)
    warnings = [] if known else [f"This version has no architecture `{spec.architecture}`."]
    if spec.license == "unknown":
        warnings.append("The licence of the weights is unknown.")
    metadata: dict[str, Any] = {"license": spec.license, **(beside or {})}
    for name in ("title", "attribution", "margin_px", "provenance"):
        if getattr(spec, name):
            value = getattr(spec, name)
            metadata[name] = dict(value) if isinstance(value, Mapping) else value
    training = {style.name: dict(style.training) for style in spec.styles if style.training}
    return {
        "architecture": spec.architecture,
        "architecture_title": known.title if known else "",
        "paper": known.paper if known else "",
        "style_kind": known.style_kind if known else "",
        "hyperparameters": dict(spec.hyperparameters),
        "normalization": spec.normalization.name,
        "styles": spec.style_names,
        "metadata": metadata | ({"training": training} if training else {}),
        "warnings": tuple(warnings),
    }
