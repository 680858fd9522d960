"""How a foreign file becomes a StyleModel: a reader opens the container, a format recognises the layout.

container (zip, ONNX, .t7, …) ─ reader → RawCheckpoint ─ format → Recognised ─ build_network → StyleModel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..normalization import InputNormalization
from ..spec import StyleInfo


@dataclass(frozen=True)
class RawCheckpoint:
    """What a reader found: named tensors, and whatever else the container says."""

    name: str
    """File or folder name, for messages and titles."""
    container: str
    """safetensors | torch | onnx | t7 | tensorflow | coreml | raw-folder."""
    tensors: Mapping[str, Tensor]
    """In the container's own names, CPU, dtype as stored."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Header fields, graph facts, training options: JSON-like values only."""


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
