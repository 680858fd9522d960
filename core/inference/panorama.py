"""Panoramas of the whole sphere: painted together with their poles seen from straight above and below."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..architectures import StyleCode
from ..errors import ImageError
from ..images import resize_image
from .periodic import periodic_component
from .stroke import Paint
from .wrap import GRID_PX, MARGIN_PX, Frame, Tile, Wrap, axes_of

CAP_DEG, BLEND_DEG = 45.0, 10.0
"""From this latitude on the poles' own pictures take over, completely after so many degrees more."""


def check_panorama(height: int, width: int) -> None:
    """Whether a picture can be a whole sphere.

    Raises:
        ImageError: It is not twice as wide as high.
    """
    if abs(width - 2 * height) > 1:
        raise ImageError(
            "This is no panorama of the whole sphere.",
            expected="an equirectangular picture, twice as wide as high",
            got=f"{width}×{height}",
            do="For a panorama that only goes around use wrap `x`.",
        )


def around_borders(paint: Paint, wrap: Wrap) -> Paint:
    """A network that sees beyond the borders of pictures of any size; `paint` itself for `none`."""
    if wrap == "none":
        return paint

    def run(photo: Tensor, code: StyleCode | None) -> Tensor:
        height, width = photo.shape[-2:]
        frame = Panorama(height, width) if wrap == "panorama" else Tile(wrap, height, width)
        return frame.around(paint)(photo, code)

    return run


def without_jumps(photo: Tensor, wrap: Wrap) -> Tensor:
    """A photo (B, 3, H, W) whose opposite borders fit, as `wrap` needs it.

    Raises:
        ImageError: It is to be a panorama and is not twice as wide as high.
    """
    if wrap == "panorama":
        check_panorama(*photo.shape[-2:])
    return periodic_component(photo, wrap=axes_of(wrap))


class Panorama(Frame):
    """An equirectangular picture, laid out for a network that knows only planes.

    Left and right continue each other. Near the poles the projection draws everything wide, and strokes painted there
    would look like spokes: so both caps are projected once more, each as a disc around its pole (azimuthal
    equidistant), and painted on the same canvas, with the same statistics.

    Args:
        height: Of the picture in pixels.
        width: Of the picture in pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.size = (height, width)
        self.tile = Tile("x", height, width)
        self.px_per_deg = height / 180
        radius = (90 - CAP_DEG) * self.px_per_deg + MARGIN_PX
        self.side = math.ceil(2 * radius / GRID_PX) * GRID_PX
        self.band = math.ceil((height + MARGIN_PX) / GRID_PX) * GRID_PX
        """Rows of the canvas above the discs: the picture, and a margin."""
        self.columns = max(self.tile.work[1] + 2 * MARGIN_PX, 2 * self.side)

    def extend(self, image: Tensor) -> Tensor:
        """(B, C, h, w), any size → canvas: the picture with margins, and below it the discs, north and south."""
        image = resize_image(image, *self.size)
        middle = self.tile.extend(image)
        middle = F.pad(middle, (0, self.columns - middle.shape[-1], 0, self.band - self.size[0]), mode="replicate")
        discs = torch.cat([self._disc(image, pole) for pole in (1, -1)], 3)
        return torch.cat((middle, F.pad(discs, (0, self.columns - discs.shape[-1], 0, 0), mode="replicate")), 2)

    def cut(self, image: Tensor) -> Tensor:
        """The painting of a canvas → (B, C, height, width)."""
        height, width = self.size
        result = self.tile.cut(image[..., :height, : self.tile.work[1] + 2 * MARGIN_PX])
        latitude = 90 - (torch.arange(height, device=image.device, dtype=image.dtype) + 0.5) / self.px_per_deg
        longitude = (torch.arange(width, device=image.device, dtype=image.dtype) + 0.5) / width * 2 * math.pi
        for index, pole in enumerate((1, -1)):
            start = index * self.side
            disc = image[..., self.band :, start : start + self.side]
            radius = (90 - pole * latitude).clamp_max(90 - CAP_DEG)[:, None] * self.px_per_deg
            # pixel centres at ±(side − 1)/2, normalized to ±1 at the outer edges
            grid = torch.stack((radius * longitude.cos(), radius * longitude.sin()), -1) / (self.side / 2)
            seen = F.grid_sample(
                disc, grid.expand(len(disc), -1, -1, -1), mode="bicubic", padding_mode="border", align_corners=False
            )
            share = ((pole * latitude - CAP_DEG) / BLEND_DEG).clamp(0, 1)
            share = share * share * (3 - 2 * share)
            result = torch.lerp(result, seen, share[:, None])
        return result.clamp(0, 1)

    def _disc(self, image: Tensor, pole: int) -> Tensor:
        """A pole and what surrounds it, seen from outside: (B, C, side, side)."""
        height, width = image.shape[-2:]
        offsets = torch.arange(self.side, device=image.device, dtype=image.dtype) + 0.5 - self.side / 2
        x, y = offsets[None], offsets[:, None]
        row = torch.hypot(x, y)  # from the pole, in rows
        row = row if pole == 1 else height - row
        column = torch.atan2(y, x).remainder(2 * math.pi) / (2 * math.pi) * width
        # beyond either edge the picture goes on with its other edge
        around = F.pad(image, (2, 2, 0, 0), mode="circular")
        grid = torch.stack((2 * (column + 2) / (width + 4) - 1, 2 * row / height - 1), -1)
        grid = grid.expand(len(image), -1, -1, -1)
        return F.grid_sample(around, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
