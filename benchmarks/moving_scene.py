"""Clips with exactly known motion: a photo under a moving camera, and another photo's ellipse passing in front of it.

Every surface moves by a similarity z → a z + b of the complex plane (pan, zoom and rotation), so optical flow and
occlusion follow from the formula, at any size, without an estimate.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """z → a z + b."""

    a: complex
    b: complex

    def __call__(self, z: Tensor) -> Tensor:
        return z * self.a + self.b

    def inverse(self) -> Similarity:
        return Similarity(1 / self.a, -self.b / self.a)


@dataclass(frozen=True)
class MovingScene:
    """A camera over `background`, and an ellipse of `foreground` that crosses the picture.

    Args:
        background: Photo (3, H, W), 0..1.
        foreground: Photo (3, H, W), 0..1; None: nothing moves but the camera.
        height: Of the frames.
        width: Of the frames.
        pan: Pixels a frame, right and down.
        zoom: Factor a frame.
        turn: Degrees a frame.
    """

    background: Tensor
    foreground: Tensor | None
    height: int
    width: int
    pan: tuple[float, float] = (2.3, 0.7)
    zoom: float = 1.003
    turn: float = 0.15

    def __post_init__(self) -> None:
        for name in ("background", "foreground"):
            photo = getattr(self, name)
            if photo is not None:
                object.__setattr__(self, name, _cover(photo, self.height, self.width))

    def _camera(self, t: float) -> Similarity:
        """Pixels of frame t, measured from its middle → pixels of the background photo at the frames' scale."""
        a = cmath.rect(self.zoom**-t, -math.radians(self.turn * t))
        return Similarity(a, complex(*self.pan) * t)

    def _object(self, t: float) -> Similarity:
        """Pixels of frame t, measured from its middle → the ellipse's own coordinates."""
        a = cmath.rect(1.0, math.radians(0.4 * t))
        path = complex(self.width * (-0.25 + 0.006 * t), self.height * 0.08 * math.sin(t / 7))
        return Similarity(a, -a * path)

    def _grid(self) -> Tensor:
        y, x = torch.meshgrid(
            torch.arange(self.height, dtype=torch.float64) - (self.height - 1) / 2,
            torch.arange(self.width, dtype=torch.float64) - (self.width - 1) / 2,
            indexing="ij",
        )
        return torch.complex(x, y)

    def _inside(self, z: Tensor) -> Tensor:
        """How far inside the ellipse, pixels, negative outside."""
        rx, ry = self.width * 0.14, self.height * 0.22
        radius = torch.sqrt((z.real / rx) ** 2 + (z.imag / ry) ** 2)
        return (1 - radius) * min(rx, ry)

    def _sample(self, photo: Tensor, z: Tensor) -> Tensor:
        """Photo at coordinates from its middle; mirrored beyond its edge."""
        size = torch.tensor([photo.shape[2] / 2, photo.shape[1] / 2], dtype=torch.float64)
        grid = (torch.view_as_real(z) / size).float()[None]
        return F.grid_sample(photo[None], grid, mode="bicubic", padding_mode="reflection", align_corners=False)[0]

    def frame(self, t: float) -> Tensor:
        """(1, 3, H, W), 0..1."""
        z = self._grid()
        picture = self._sample(self.background, self._camera(t)(z))
        if self.foreground is not None:
            own = self._object(t)(z)
            cover = (self._inside(own) + 0.5).clamp(0, 1).float()
            picture = torch.lerp(picture, self._sample(self.foreground, own), cover)
        return picture.clamp(0, 1)[None]

    def flow(self, t: float, to: float) -> tuple[Tensor, Tensor]:
        """Where every pixel of frame t is in frame `to`, and whether it can be seen there.

        Returns:
            Displacement (1, 2, H, W), pixels right and down, and visibility (1, 1, H, W), bool.
        """
        z = self._grid()
        there = self._camera(to).inverse()(self._camera(t)(z))
        visible = torch.ones_like(z.real, dtype=torch.bool)
        if self.foreground is not None:
            own = self._object(t)(z)
            on_object = self._inside(own) > 0
            covered = self._inside(self._object(to)(there)) > -1
            visible = on_object | ~covered
            there = torch.where(on_object, self._object(to).inverse()(own), there)
        half = complex((self.width - 1) / 2, (self.height - 1) / 2)
        visible &= (there.real.abs() <= half.real) & (there.imag.abs() <= half.imag)
        return torch.view_as_real(there - z).movedim(-1, 0).float()[None], visible[None, None]


def _cover(photo: Tensor, height: int, width: int) -> Tensor:
    """Scale a photo (3, h, w) so that it covers the frame; antialiased, or the clip would shimmer by itself."""
    scale = max(height / photo.shape[1], width / photo.shape[2])
    size = (math.ceil(photo.shape[1] * scale), math.ceil(photo.shape[2] * scale))
    return F.interpolate(photo[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
