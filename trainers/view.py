"""How the loss network sees a step: at which phase of its poolings, and from which side (docs/adr/0022, 0023)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PHASES = 4
"""Of poolings, along each axis: crops begin 0 to 3 px down and right."""
SIDES = 8
"""Of a square: four turns, mirrored or not."""


class View(NamedTuple):
    """One of 128, the same for the photos, the paintings and the styles of a step.

    The loss network's poolings look at every second and fourth pixel. If they always begin at the same place, a network
    learns to paint in phase with them. And a loss network of few channels is blind to some patterns in some directions:
    if it always looks from the same side, a network learns to paint those.
    """

    top: int
    left: int
    side: int

    def crop(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) → what is seen of it, 3 px smaller, seen from this side.

        Args:
            picture: Sides above 3 px.
        """
        rows, columns = (length - PHASES + 1 for length in picture.shape[-2:])
        return self.turn(picture[..., self.top : self.top + rows, self.left : self.left + columns])

    def turn(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W), seen from this side; where the side is one of the last four, (B, 3, W, H)."""
        if self.side >= SIDES // 2:
            picture = picture.transpose(2, 3)
        axes = [axis for axis, mirrored in ((2, self.side & 1), (3, self.side & 2)) if mirrored]
        return picture.flip(axes) if axes else picture


def view_of(step: int) -> View:
    """By chance, but the same for the same step always, so that resumed runs and all processes agree."""
    generator = torch.Generator().manual_seed(step)
    top, left = torch.randint(PHASES, (2,), generator=generator).tolist()
    return View(top, left, int(torch.randint(SIDES, (1,), generator=generator)))
