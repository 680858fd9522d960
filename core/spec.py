"""What a model file says about itself: architecture, hyperparameters, range, styles, licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from .normalization import InputNormalization

IDENTITY = "identity"
"""Name of the style that paints the photo itself; strength is a mix towards it."""


def answers_to(style: str, name: str) -> bool:
    """Whether a style is the one of that name, or the painting of that name at one of its stroke sizes."""
    return name in (style, style.partition("--")[0])


@dataclass(frozen=True)
class StyleInfo:
    """One style of a model."""

    name: str
    """The painting's file stem, plus `--small` or `--large` where a model has several stroke sizes."""
    title: str = ""
    """For people: painter, painting, year."""
    style_size_px: int | None = None
    """Short side of the painting in training, in pixels: the scale at which strokes were learned."""
    thumbnail: str = ""
    """Base64 JPEG of the painting, at most 4 KB."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Steps, weights, losses: whatever the trainer recorded."""
    license: str = "unknown"
    """SPDX id of the style picture's licence, or `unknown`."""
    attribution: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """Frozen description that travels with a network."""

    architecture: str
    """Id in the architecture registry."""
    hyperparameters: Mapping[str, Any]
    """Keyword arguments of that architecture's configuration, JSON-ready."""
    normalization: InputNormalization = InputNormalization()
    styles: tuple[StyleInfo, ...] = ()
    title: str = ""
    license: str = "unknown"
    attribution: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: source format, file, hash, command, losses."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", MappingProxyType(dict(self.hyperparameters)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names in the order of the style indices."""
        return tuple(style.name for style in self.styles)

    def index_of(self, name: str) -> int | None:
        """Index of the style of that name; None: there is none.

        A painting that was learned at several stroke sizes also answers to its bare name, with its largest strokes.
        """
        names = self.style_names
        if name in names:
            return names.index(name)
        sizes = [index for index, own in enumerate(names) if answers_to(own, name)]
        return sizes[-1] if sizes else None

    @property
    def identity_index(self) -> int | None:
        """Index of the identity style, or None."""
        return next((i for i, style in enumerate(self.styles) if style.name == IDENTITY), None)

    def with_(self, **changes: Any) -> ModelSpec:
        """A copy with some fields replaced."""
        return replace(self, **changes)
