"""The network's grid travels with the camera.

These networks halve the picture twice, so they see it in cells of 4×4 pixels, and where a thing lies in its cell
decides how it is painted: a photo moved by 2 pixels is painted in other strokes, one moved by 4 in the same, and half
a pixel is enough to change some. So what the network sees is moved by less than a cell, as far as keeps the cells on
the things while the camera pans, and its painting is moved back. Whole pixels are columns and rows added on the left
and above; the rest is resampled with a windowed sinc, which keeps a painting sharp. (A loss network sees the same
painting differently at every fraction of a pixel, by up to a quarter of a small style loss: what resampling costs
could not be told from that.)

It is done around the network alone, at every octave of large strokes for itself: what strength, colours and masks make
of photo and painting knows nothing of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...architectures import StyleCode
from ...images import resize_image
from ..stroke import Paint
from ..wrap import GRID_PX, Frame, Wrap, axes_of

CELL_PX = 4
LEAST_TRUSTED = 0.1
"""Share of the frame that must have moved in a way that can be trusted."""
LOBES = 4
"""Of the windowed sinc, on either side."""
LEAST_SHIFT_PX = 1 / 64
"""Nothing is resampled for less."""


class Anchor:
    """Follows the dominant motion of a shot."""

    def __init__(self) -> None:
        self.position = torch.zeros(2, dtype=torch.float64)
        """How far the scene has moved since the shot began, pixels right and down."""

    def reset(self) -> None:
        """A new shot."""
        self.position = torch.zeros(2, dtype=torch.float64)

    def follow(self, back: Tensor, trust: Tensor) -> None:
        """Move on by the median motion of what can be trusted.

        Args:
            back: Flow from this frame to the last, (1, 2, H, W), in pixels of the frame as it is painted.
            trust: (1, 1, H, W), 0..1.
        """
        moved = back[0][:, trust[0, 0] > 0.5]
        if moved.shape[1] > LEAST_TRUSTED * trust.numel():
            self.position = self.position - moved.median(1).values.double().cpu()

    def around(self, paint: Paint, height: int, width: int, wrap: Wrap) -> Paint:
        """A network whose cells lie on the scene.

        Args:
            paint: The network; pictures may be smaller or larger than the frame, as stroke sizes want it.
            height: Of the frame.
            width: Of the frame.
            wrap: Along which axes the frame repeats: there it is rolled, and nothing added.
        """
        x, y = self.position.tolist()

        def run(photo: Tensor, code: StyleCode | None) -> Tensor:
            size = (photo.shape[-2], photo.shape[-1])
            place = (y * size[0] / height, x * size[1] / width)
            return Cells(place, size, wrap).around(paint)(photo, code)

        return run


class Cells(Frame):
    """A picture, moved so that the network's cells lie on the scene.

    Args:
        position: Of the scene, pixels of this picture down and right.
        size: Height and width of the picture.
        wrap: Where it repeats. A panorama is rolled around only: its poles stay where they are.
    """

    def __init__(self, position: tuple[float, float], size: tuple[int, int], wrap: Wrap) -> None:
        self.size = size
        along_x, along_y = axes_of(wrap)
        self.circular = (along_y, along_x)
        self.offsets: list[float] = []
        for length, place, circular in zip(size, position, self.circular, strict=True):
            # a period that the strides do not divide is painted a little larger, see `Tile`
            cell = CELL_PX * length / (math.ceil(length / GRID_PX) * GRID_PX) if circular else CELL_PX
            self.offsets.append(-place % cell)
        if wrap == "panorama":
            self.offsets[0] = 0.0
        self.added = [0 if circular or wrap == "panorama" else CELL_PX for circular in self.circular]

    def extend(self, image: Tensor) -> Tensor:
        """(B, C, h, w), any size → the picture in its cells, (B, C, H + 4, W + 4) where it does not repeat."""
        image = resize_image(image, *self.size)
        for axis in (0, 1):
            count = self.size[axis] + self.added[axis]
            image = _sample(image, axis + 2, count, -self.offsets[axis], circular=self.circular[axis])
        return image.clamp(0, 1)

    def cut(self, image: Tensor) -> Tensor:
        """The painting of that → (B, C, H, W)."""
        for axis in (0, 1):
            image = _sample(image, axis + 2, self.size[axis], self.offsets[axis], circular=self.circular[axis])
        return image.clamp(0, 1)


def _sample(image: Tensor, dim: int, count: int, start: float, *, circular: bool) -> Tensor:
    """Values at start, start + 1 … along one dimension; beyond the ends mirrored, or from the other end."""
    whole = round(start)
    part = start - whole
    reach = LOBES if abs(part) >= LEAST_SHIFT_PX else 0
    places = torch.arange(whole - reach, whole + count + reach, device=image.device)
    length = image.shape[dim]
    if not circular and length > 1:
        places = places.remainder(2 * length - 2)
        places = torch.minimum(places, 2 * length - 2 - places)
    image = image.index_select(dim, places.remainder(length))
    if not reach:
        return image
    distance = torch.arange(-reach, reach + 1, dtype=torch.float64) - part
    weights = torch.sinc(distance) * torch.sinc(distance / LOBES) * (distance.abs() < LOBES)
    total = torch.zeros_like(image.narrow(dim, 0, count))
    for tap, weight in enumerate((weights / weights.sum()).tolist()):
        if weight:
            total.add_(image.narrow(dim, tap, count), alpha=weight)
    return total
