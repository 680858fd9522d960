"""What follows the network, on rows: exposure, colours, strength and masks of `Stylizer`, one step each.

A step that needs statistics of the whole picture is shown all rows before it is asked to change the first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..color import ColorMode, preserve_color, srgb_to_lab
from ..color.moments import ColorMoments
from ..color.statistics import move_covariance, move_lab
from ..exposure import move_exposure
from ..masks import composite, resize_mask_rows
from .reach import coverage
from .strength import Strength, blend

StrengthAt = Callable[[int, int], Strength]
"""(first row, row behind the last) → the strength there."""

BY_ROWS: tuple[ColorMode, ...] = ("none", "luminance", "coral", "keep", "lab")
"""Colour modes that work pixel by pixel once means and covariances are known; the others sort or sample all pixels."""


class Step:
    """One change of the painting. All blocks are (1, 3, r, W), floating point, 0..1, on the CPU."""

    measured = False
    """Whether `measure` wants to see everything first."""

    def measure(self, painting: Tensor, photo: Tensor) -> None:
        """Take in rows of the painting, as the steps before leave them, and of the photo."""

    def apply(self, painting: Tensor, photo: Tensor, first: int) -> Tensor:
        """Rows from `first` on, changed."""
        raise NotImplementedError


class Exposure(Step):
    """`give_exposure`: part 2 of strength."""

    measured = True

    def __init__(self, strength: StrengthAt) -> None:
        self.strength, self.own, self.goal = strength, ColorMoments(), ColorMoments()

    def measure(self, painting: Tensor, photo: Tensor) -> None:
        """Sums of both pictures."""
        self.own.add(painting)
        self.goal.add(photo)

    def apply(self, painting: Tensor, photo: Tensor, first: int) -> Tensor:
        """Moved towards the photo's exposure."""
        amount = 1 - self.strength(first, first + painting.shape[2])
        own, goal = (_exposure(moments, painting) for moments in (self.own, self.goal))
        return move_exposure(painting, own, goal, amount).clamp(0, 1)


class Colours(Step):
    """`preserve_color` in one of the modes `BY_ROWS`.

    Args:
        mode: The mode.
        amount: How much of it.
        palette: (1, 3, h, w) whose colours are taken instead of the photo's.
    """

    def __init__(self, mode: ColorMode, amount: float, palette: Tensor | None = None) -> None:
        self.mode: ColorMode = mode
        self.amount, self.palette = amount, palette
        self.measured = mode in ("coral", "lab")
        self.own, self.goal = ColorMoments(), ColorMoments()
        if palette is not None:
            self.goal.add(self._seen(palette.float()))

    def measure(self, painting: Tensor, photo: Tensor) -> None:
        """Sums in the space of the mode."""
        self.own.add(self._seen(painting))
        if self.palette is None:
            self.goal.add(self._seen(photo))

    def apply(self, painting: Tensor, photo: Tensor, first: int) -> Tensor:
        """With the colours of the photo or palette."""
        if not self.measured:
            return preserve_color(painting, photo, self.mode, self.amount)
        if self.mode == "coral":
            own, goal = ((part.mean[None], part.covariance[None]) for part in (self.own, self.goal))
            recolored = move_covariance(painting, own, goal)
        else:
            own, goal = (_lab(moments, painting) for moments in (self.own, self.goal))
            recolored = move_lab(painting, own, goal)
        return recolored if self.amount == 1 else torch.lerp(painting, recolored, self.amount)

    def _seen(self, image: Tensor) -> Tensor:
        return srgb_to_lab(image) if self.mode == "lab" else image


class Blend(Step):
    """`blend`: part 3 of strength."""

    def __init__(self, strength: StrengthAt, *, inner: bool) -> None:
        self.strength, self.blend = strength, partial(blend, inner=inner)

    def apply(self, painting: Tensor, photo: Tensor, first: int) -> Tensor:
        """Between photo and painting."""
        return self.blend(photo, painting, self.strength(first, first + painting.shape[2]))


class Reach(Step):
    """The painting where masks let it, else the photo; see `reach`.

    Args:
        layers: Masks of the styles, whose sum counts; none: everywhere.
        mask: The user's; None: everywhere.
        size: Height and width of the photo.
    """

    def __init__(self, layers: list[Tensor], mask: Tensor | None, size: tuple[int, int]) -> None:
        self.layers, self.mask, self.size = layers, mask, size

    def apply(self, painting: Tensor, photo: Tensor, first: int) -> Tensor:
        """Laid over the photo."""
        stop = first + painting.shape[2]
        masks = [] if self.mask is None else [self._rows(self.mask, first, stop)]
        if self.layers:
            masks.append(coverage([self._rows(mask, first, stop) for mask in self.layers]))
        for mask in masks[1:]:
            masks[0] = masks[0] * mask
        return composite(photo, painting, masks[0])

    def _rows(self, mask: Tensor, first: int, stop: int) -> Tensor:
        return resize_mask_rows(mask.float(), self.size, first, stop)


def _exposure(moments: ColorMoments, like: Tensor) -> tuple[Tensor, Tensor]:
    """As core/exposure.py's `exposure`."""
    deviation = moments.covariance.diagonal().mean().clamp_min(0).sqrt()
    return moments.mean.view(1, 3, 1, 1).to(like), deviation.view(1, 1, 1, 1).to(like)


def _lab(moments: ColorMoments, like: Tensor) -> tuple[Tensor, Tensor]:
    """As core/color/statistics.py's `lab_statistics`."""
    spread = moments.covariance.diagonal().clamp_min(0).sqrt()
    return moments.mean.view(1, 3, 1, 1).to(like), spread.view(1, 3, 1, 1).to(like)
