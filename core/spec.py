"""What a model file says about itself: architecture, hyperparameters, range, styles, licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from .errors import ConfigError
from .margin import Margin
from .normalization import InputNormalization

IDENTITY = "identity"
"""Name of the style that paints the photo itself; strength is a mix towards it."""


MARGIN_STEP_PX, MOST_MARGIN_PX = 16, 96
"""A margin is a multiple of every stride, so that their grid stays in phase; no network here sees beyond 96 px."""


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
    margin_px: int = 0
    """Pixels that the photo is mirrored outwards before the network, and that are cut off the painting: 0 to 96, a
    multiple of 16. 0 paints as reference implementations do."""
    title: str = ""
    license: str = "unknown"
    attribution: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: source format, file, hash, command, losses."""
    thumbnail: str = ""
    """Base64 JPEG of what it paints, at most 4 KB, for models without styles of their own."""

    def __post_init__(self) -> None:
        px = self.margin_px
        if type(px) is not int or not 0 <= px <= MOST_MARGIN_PX or px % MARGIN_STEP_PX:
            raise ConfigError(
                "The margin of the model is out of range.",
                expected=f"`margin_px` of 0 to {MOST_MARGIN_PX}, a multiple of {MARGIN_STEP_PX}",
                got=repr(px),
                do="Choose 0 for none, or 32.",
            )
        object.__setattr__(self, "hyperparameters", MappingProxyType(dict(self.hyperparameters)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    @property
    def margin(self) -> Margin:
        """`margin_px` along both axes."""
        return self.margin_px, self.margin_px

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
