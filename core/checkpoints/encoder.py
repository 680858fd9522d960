"""Loss networks as files: ours, AdaIN's normalised VGG19, Collaborative Distillation's small VGG19."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..architectures.vgg import VGGConfig, VGGFeatures, normalised_vgg19, small_vgg19
from ..errors import CheckpointError, UnsupportedCheckpointError
from ..files import atomic_path
from ..normalization import InputNormalization
from ._format import METADATA_KEY
from .companion import is_encoder
from .detect import read_raw
from .native import FORMAT_VERSION, load_weights


def save_encoder(
    encoder: VGGFeatures, path: str | Path, *, title: str, license_id: str, provenance: Mapping[str, Any]
) -> Path:
    """Write a loss network in float16, atomically, as the kind of file that `load_encoder` and the hub know.

    Raises:
        BrushworkError: The place cannot be written.
    """
    from safetensors.torch import save

    config = encoder.config
    header = {
        "format_version": FORMAT_VERSION,
        "kind": "encoder",
        "architecture": "vgg",
        "hyperparameters": {
            "widths": [list(block) for block in config.widths],
            "padding": config.padding,
            "ceil_pool": config.ceil_pool,
            "input_conv": config.input_conv,
        },
        "normalization": config.normalization.to_dict(),
        "styles": [],
        "title": title,
        "license": license_id,
        "attribution": "",
        "provenance": dict(provenance),
    }
    tensors = {name: t.detach().cpu().to(torch.float16).contiguous() for name, t in encoder.state_dict().items()}
    data = save(tensors, metadata={METADATA_KEY: json.dumps(header, separators=(",", ":"))})
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def load_encoder(path: str | Path) -> VGGFeatures:
    """Read a VGG, float32, frozen, in eval mode.

    Args:
        path: A native encoder file (compact, vgg16, vgg19), AdaIN's `vgg_normalised` (whole or cut), or
            Collaborative Distillation's small VGG19.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe, or no VGG that is known here.
    """
    raw = read_raw(path)
    if is_encoder(raw):
        header = raw.metadata[METADATA_KEY]
        try:
            config = VGGConfig(**header["hyperparameters"], normalization=InputNormalization(**header["normalization"]))
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"The header of {raw.name} is malformed.",
                expected="the configuration of a VGG",
                got=f"{type(error).__name__}: {error}",
                do="Get the file again.",
            ) from error
        encoder: VGGFeatures = load_weights(VGGFeatures(config), dict(raw.tensors), raw.name)
        return encoder.eval().requires_grad_(False)
    state = dict(raw.tensors)
    if "0.weight" in state and state["0.weight"].shape == (3, 3, 1, 1):
        return normalised_vgg19(state)
    if "conv0.weight" in state and "conv11.weight" in state:
        return small_vgg19(state)
    raise UnsupportedCheckpointError(
        f"{raw.name} is no encoder that this version knows.",
        expected="a native encoder, keys 0.weight, 2.weight, … (normalised VGG19) or conv0, conv11, … (small VGG19)",
        got=", ".join(list(state)[:4]) or "no tensors",
        do="Use `compact`, `vgg16`, `vgg19`, or AdaIN's vgg_normalised.pth.",
    )
