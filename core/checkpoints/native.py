"""The native file: safetensors, with one JSON string in the header under `brushwork`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..architectures import StyleNetwork, build_network
from ..errors import CheckpointError, UnsupportedCheckpointError
from ..files import atomic_path
from ..normalization import InputNormalization
from ..spec import ModelSpec, StyleInfo
from ..style_model import StyleModel
from ._format import METADATA_KEY
from .companion import HEADER_FIELD, describe_companion

FORMAT_VERSION = 1


def save_checkpoint(
    model: StyleModel, path: str | Path, *, dtype: torch.dtype | None = torch.float16, leave_out: str = ""
) -> Path:
    """Write a model as one self-describing .safetensors file, atomically.

    Args:
        model: Any StyleModel; not modified.
        path: Target; the folder is made where it is missing.
        dtype: Of the stored weights; None keeps each tensor's own. Integer buffers keep theirs.
        leave_out: Prefix of tensors that another file has, e.g. `encoder.`; loading then needs that file as
            companion, with the same values to float16.

    Returns:
        The path written.

    Raises:
        CheckpointError: A weight is NaN or infinite, also after the conversion to `dtype`.
        BrushworkError: The place cannot be written.
    """
    from safetensors.torch import save

    path = Path(path)
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.network.state_dict().items():
        stored = tensor.detach().cpu()
        if dtype is not None and stored.is_floating_point():
            stored = stored.to(dtype)
        if stored.is_floating_point() and not torch.isfinite(stored).all():
            raise CheckpointError(
                f"The model was not saved to {path}.",
                expected="finite weights",
                got=f"NaN or infinity in `{name}`{_overflow(tensor, dtype)}",
                do="Train with a lower learning rate, or save in float32.",
            )
        tensors[name] = stored.contiguous()
    header = spec_to_dict(model.spec)
    if leave_out:
        header[HEADER_FIELD] = describe_companion(tensors, leave_out)
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(leave_out)}
    data = save(tensors, metadata={METADATA_KEY: json.dumps(header, separators=(",", ":"))})
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def _overflow(tensor: Tensor, dtype: torch.dtype | None) -> str:
    return f" (finite before the conversion to {dtype})" if torch.isfinite(tensor).all() else ""


def model_from_native(tensors: dict[str, Tensor], metadata: dict[str, Any], name: str) -> StyleModel:
    """Build a StyleModel from the parts of a native file; weights become float32.

    Raises:
        CheckpointError: Version too new, or weights that do not fit the architecture the header names.
    """
    spec = spec_from_dict(metadata, name)
    return StyleModel(build_with(spec.architecture, spec.hyperparameters, tensors, name), spec)


def build_with(
    architecture: str, hyperparameters: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str
) -> StyleNetwork:
    """Build a network and load its weights.

    Raises:
        CheckpointError: The weights do not fit, or the hyperparameters describe no network that can be built.
    """
    try:
        network = build_network(architecture, hyperparameters)
    except (RuntimeError, ArithmeticError, MemoryError, LookupError) as error:  # e.g. a width of 10¹²
        raise CheckpointError(
            f"The network that {name} describes cannot be built.",
            expected="sizes that fit its weights",
            got=f"{dict(hyperparameters)} ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            do="The file is damaged: get it again.",
        ) from error
    load_weights(network, dict(tensors), name)
    return network


def load_weights(network: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """Strict load with a four-part error; floating-point tensors become float32."""
    state = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}
    own = network.state_dict()
    # counts training steps, which painting never reads; ONNX has no place for it
    state |= {key: own[key] for key in own if key.endswith("num_batches_tracked") and key not in state}
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [k for k in own.keys() & state.keys() if own[k].shape != state[k].shape]
    if missing or unexpected or shapes:
        got = [f"missing {missing[:3]}" * bool(missing), f"unexpected {unexpected[:3]}" * bool(unexpected)]
        got += [f"{k} is {tuple(state[k].shape)}, not {tuple(own[k].shape)}" for k in sorted(shapes)[:3]]
        raise CheckpointError(
            f"The weights in {name} do not fit the architecture that its header names.",
            expected=f"{len(own)} tensors of {type(network).__name__}",
            got="; ".join(filter(None, got)),
            do="The file is damaged or was edited: get it again.",
        )
    network.load_state_dict(state)
    return network


def spec_to_dict(spec: ModelSpec) -> dict[str, Any]:
    """JSON-ready form of a spec."""
    return {
        "format_version": FORMAT_VERSION,
        "architecture": spec.architecture,
        "hyperparameters": dict(spec.hyperparameters),
        "normalization": spec.normalization.to_dict(),
        "margin_px": spec.margin_px,
        "styles": [asdict(style) for style in spec.styles],
        "title": spec.title,
        "license": spec.license,
        "attribution": spec.attribution,
        "provenance": dict(spec.provenance),
        "thumbnail": spec.thumbnail,
    }


def spec_from_dict(data: dict[str, Any], name: str) -> ModelSpec:
    """Inverse of `spec_to_dict`. Unknown keys of newer minor versions are ignored."""
    version = data.get("format_version") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise UnsupportedCheckpointError(
            f"{name} is a Brushwork file of another version.",
            expected=f"format_version {FORMAT_VERSION}",
            got=repr(version),
            do="Update Brushwork.",
        )
    try:
        known = StyleInfo.__dataclass_fields__
        styles = tuple(StyleInfo(**{k: v for k, v in s.items() if k in known}) for s in data["styles"])
        return ModelSpec(
            architecture=str(data["architecture"]),
            hyperparameters=dict(data["hyperparameters"]),
            normalization=InputNormalization(**data["normalization"]),
            styles=styles,
            margin_px=data.get("margin_px", 0),
            title=str(data.get("title", "")),
            license=str(data.get("license", "unknown")),
            attribution=str(data.get("attribution", "")),
            provenance=dict(data.get("provenance", {})),
            thumbnail=str(data.get("thumbnail", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The header of {name} is malformed.",
            expected="the fields that save_checkpoint writes",
            got=f"{type(error).__name__}: {error}",
            do="The file is damaged: get it again.",
        ) from error
