"""How a foreign file becomes a StyleModel: a reader opens the container, a format recognises the layout.

container (zip, ONNX, .t7, …) ─ reader → RawCheckpoint ─ format → Recognised ─ build_network → StyleModel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from torch import Tensor

from ..normalization import InputNormalization
from ..spec import StyleInfo

METADATA_KEY = "brushwork"
"""Under which a native file's header holds its description."""


@dataclass(frozen=True)
class RawCheckpoint:
    """What a reader found: named tensors, and whatever else the container says."""

    name: str
    """File or folder name, for messages and titles."""
    container: str
    """safetensors | torch | onnx | t7 | tensorflow | coreml | raw-folder | several."""
    tensors: Mapping[str, Tensor]
    """In the container's own names and order, CPU, dtype as stored."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Header fields, graph facts, training options: JSON-like values only."""
    parts: tuple[RawCheckpoint, ...] = ()
    """The files of a model that comes in several (`container` is then `several`), in the order given."""

    @property
    def stem(self) -> str:
        """The name without its suffixes: what a single style is called."""
        return stem(self.name)


SUFFIXES = (".tar", ".pth", ".pt", ".model", ".safetensors", ".onnx", ".t7", ".ckpt", ".bin", ".mlmodel")


def stem(path: str | PurePath) -> str:
    """File or folder name without the suffixes of model files; dots inside a name are kept."""
    name = PurePath(path).name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def join(parts: tuple[RawCheckpoint, ...], name: str = "") -> RawCheckpoint:
    """Several files as one checkpoint; tensors are named `file/key`."""
    tensors = {f"{part.name}/{key}": tensor for part in parts for key, tensor in part.tensors.items()}
    return RawCheckpoint(name or " + ".join(part.name for part in parts), "several", tensors, {}, parts)


@dataclass(frozen=True)
class Recognised:
    """A foreign layout translated to ours."""

    architecture: str
    hyperparameters: Mapping[str, Any]
    """All derived from keys and shapes, never from the file name."""
    state: Mapping[str, Tensor]
    """Keys and layouts of our network."""
    normalization: InputNormalization
    styles: tuple[StyleInfo, ...]


@dataclass(frozen=True)
class Format:
    """One foreign layout."""

    id: str
    title: str
    """Who writes it, e.g. `pytorch/examples fast_neural_style`."""
    matches: Callable[[RawCheckpoint], bool]
    """No false negatives; cheap; looks at keys, shapes and container only."""
    convert: Callable[[RawCheckpoint], Recognised]
    """Called only after `matches`."""
    typical_keys: tuple[str, ...] = ()
    """The full key set of the smallest member: what the explanation of a refused file compares with."""
