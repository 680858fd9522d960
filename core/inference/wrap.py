"""Pictures that go on beyond their borders: tiles that repeat, and panoramas of the whole sphere.

A network pads at the borders, so the left edge of a painting knows nothing of the right one. Here the photo is laid out
with what lies beyond each border before it is painted, as far as the network sees, and the painting cut out of it: the
same as circular padding in every layer, but for statistics in which the margin counts once more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..errors import ConfigError
from ..masks import convex
from .periodic import periodic_resize
from .stroke import Paint

Wrap = Literal["none", "x", "y", "both", "panorama"]
"""none: a picture with four borders. x, y, both: it repeats along these axes. panorama: equirectangular, left and
right edge are one meridian, the upper and lower edge one point each."""

MARGIN_PX = 96
"""No network here sees further, and a multiple of every stride, so that the grid stays in phase."""

GRID_PX = 16
"""Least common multiple of the strides: a period that it does not divide is painted at the next size that it does."""


def check_wrap(wrap: str) -> None:
    """Raises ConfigError for anything but `Wrap`."""
    if wrap not in get_args(Wrap):
        raise ConfigError(
            f"There is no wrapping `{wrap}`.",
            expected=" | ".join(get_args(Wrap)),
            got=repr(wrap),
            do="Choose one of these; `none` is for ordinary pictures.",
        )


def axes_of(wrap: Wrap) -> tuple[bool, bool]:
    """Whether a picture repeats along x, and along y."""
    return wrap in ("x", "both", "panorama"), wrap in ("y", "both")


def bordered(wrap: Wrap) -> tuple[bool, bool]:
    """Whether a picture ends at its borders above and below, and at those left and right.

    The canvas of a panorama ends where nothing of it is seen.
    """
    along_x, along_y = axes_of(wrap)
    return not along_y and wrap != "panorama", not along_x


class Frame(ABC):
    """The way from a picture to one with what lies beyond its borders, and back."""

    @abstractmethod
    def extend(self, image: Tensor) -> Tensor:
        """(B, C, h, w), any size → with what lies beyond the borders."""

    @abstractmethod
    def cut(self, image: Tensor) -> Tensor:
        """The painting of an extended picture → as large as the picture, 0..1."""

    def extend_code(self, code: StyleCode | None) -> StyleCode | None:
        """A style code whose maps, where it has some, fit the extended picture."""
        if code is not None and code.weights.ndim == 4:
            code = replace(code, weights=convex(self.extend(code.weights.float())))
        if code is not None and isinstance(code.alpha, Tensor):
            code = replace(code, alpha=self.extend(code.alpha.float()))
        return code

    def around(self, paint: Paint) -> Paint:
        """A network that sees beyond the borders."""
        return lambda photo, code: self.cut(paint(self.extend(photo), self.extend_code(code)))


class Tile(Frame):
    """A picture that repeats along one axis or both.

    Args:
        wrap: x | y | both.
        height: Of the picture in pixels.
        width: Of the picture in pixels.
    """

    def __init__(self, wrap: Wrap, height: int, width: int) -> None:
        self.size, self.wrap = (height, width), axes_of(wrap)
        along_x, along_y = self.wrap
        self.work = (_multiple(height) if along_y else height, _multiple(width) if along_x else width)
        self.margin = (MARGIN_PX * along_y, MARGIN_PX * along_x)

    def extend(self, image: Tensor) -> Tensor:
        """(B, C, h, w), any size → the picture at its working size with margins."""
        height, width = self.work
        image = periodic_resize(image, height, width, wrap=self.wrap)
        image = image.clamp(0, 1)
        rows = torch.arange(-self.margin[0], height + self.margin[0], device=image.device) % height
        columns = torch.arange(-self.margin[1], width + self.margin[1], device=image.device) % width
        return image.index_select(2, rows).index_select(3, columns)

    def cut(self, image: Tensor) -> Tensor:
        """The painting of an extended picture → (B, C, height, width)."""
        (height, width), (down, right) = self.work, self.margin
        inner = image[..., down : down + height, right : right + width]
        return periodic_resize(inner, *self.size, wrap=self.wrap).clamp(0, 1)


def _multiple(size: int) -> int:
    return -(-size // GRID_PX) * GRID_PX
