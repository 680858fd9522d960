"""Stroke size at run time: the network at another resolution, and the photo's detail kept.

A network paints strokes of a fixed number of pixels. Painting the photo at 1/k of its size and enlarging the result
makes them k times larger, but what is smaller than k pixels is lost: eyes, twigs, lettering. So finer paintings, each
an octave below, give their detail back where the photo has detail that the coarser size cannot hold,

    out ← U(out) + w · (P_j − U(D(P_j))),    w = d² / (d² + τ²),    d = G ∗ |Y_j − U(D(Y_j))|,

with the painting P_j and the photo's luminance Y_j at octave j, D and U the way to the coarser octave and back. In flat
areas w is near 0 and the large strokes stay alone.

For finer strokes the photo is enlarged, and has no more contrast in its finest octaves, where a network finds what it
hangs strokes on: skies and walls stayed bare. So it is given grain, far below what can be seen in the painting.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..color import luminance
from .bands import gaussian_blur
from .periodic import periodic_resize

SMALLEST, LARGEST = 0.25, 4.0
"""Range of the control."""

DETAIL_THRESHOLD = 0.08
"""τ: 20 of 255 grey levels of lost luminance make the finer painting count half, 6 a tenth. Lettering, twigs and eyes
are above; the texture of a wall is below, or the fine painting's strokes would lie over the large ones there."""

DETAIL_BLUR_PX = 1.5
"""σ of G: strokes keep their edges together with what they surround."""

GRAIN = 0.01
"""σ of the grain in the enlarged photo, of 0..1, once it is much larger: 2.5 of 255 grey levels."""

Paint = Callable[[Tensor, StyleCode | None], Tensor]
"""(B, 3, H, W), 0..1, and a code → a painting of the same size, at the network's own stroke size."""


def relative_stroke(size: float, reference_px: int | None, height: int, width: int) -> float:
    """Stroke size in a picture, where `reference_px` is the longer side at which `size` is meant; None: every size."""
    return size if reference_px is None else size * max(height, width) / reference_px


def octaves(size: float) -> list[float]:
    """Stroke sizes that are painted for a `size` above 1, coarse to fine: halves of it, and 1 at the end."""
    below = max(1, math.ceil(math.log2(size) - 0.25))
    return [*(size / 2**j for j in range(below)), 1.0]


def paint_at_stroke_size(
    paint: Paint, photo: Tensor, code: StyleCode | None, size: float, *, wrap: tuple[bool, bool] = (False, False)
) -> Tensor:
    """Paint with strokes `size` times as large as the network's own.

    Args:
        paint: The network.
        photo: (B, 3, H, W), floating point, 0..1.
        code: Style; masks and maps in it are of any size.
        size: Above 0; 1 is the plain run.
        wrap: Whether the photo repeats along x, and along y.

    Returns:
        (B, 3, H, W), 0..1.
    """
    height, width = photo.shape[-2:]
    if size == 1:
        return paint(photo, code)
    if size < 1:
        painting = paint(_grained(_scaled(photo, size, wrap), size), code)
        return periodic_resize(painting, height, width, wrap=wrap).clamp(0, 1)
    coarsest, *finer = octaves(size)
    painting = paint(_scaled(photo, coarsest, wrap), code)
    for octave in finer:
        here = _scaled(photo, octave, wrap)
        painting = _join_detail(painting, paint(here, code), luminance(here), wrap)
    return painting.clamp(0, 1)


def _scaled(photo: Tensor, size: float, wrap: tuple[bool, bool]) -> Tensor:
    height, width = (max(1, round(side / size)) for side in photo.shape[-2:])
    return photo if size == 1 else periodic_resize(photo, height, width, wrap=wrap).clamp(0, 1)


def _grained(photo: Tensor, size: float) -> Tensor:
    """The same grain for every picture and frame of a size, none at stroke size 1."""
    generator = torch.Generator().manual_seed(0)
    grain = torch.randn(1, 1, *photo.shape[-2:], generator=generator).to(photo)
    return (photo + GRAIN * math.sqrt(1 - size**2) * grain).clamp(0, 1)


def _join_detail(coarse: Tensor, fine: Tensor, light: Tensor, wrap: tuple[bool, bool]) -> Tensor:
    """Enlarge a coarse painting and add the detail of a finer one where the photo's luminance has detail."""
    below, here = coarse.shape[-2:], fine.shape[-2:]

    def lost(image: Tensor) -> Tensor:
        """What the coarser size cannot hold."""
        small = periodic_resize(image, *below, wrap=wrap)
        return image - periodic_resize(small, *here, wrap=wrap)

    detail = gaussian_blur(lost(light).abs(), DETAIL_BLUR_PX).square()
    enlarged = periodic_resize(coarse, *here, wrap=wrap)
    return enlarged + detail / (detail + DETAIL_THRESHOLD**2) * lost(fine)
