"""Artefacts of networks, found without a reference or against the photo's own: seams, borders, checkerboards."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..color import luminance

RING_PX = 8
"""Width of the border, and of the ring beside it that it is compared with."""
TILE_PX = 64
"""Side of the windows whose spectra are averaged."""
SMALLEST_TILE_PX = 16
SMALLEST_RINGED_PX = 4 * RING_PX
"""Both rings from both sides."""
QUANTISATION = (1 / 255) ** 2 / 12
"""Variance of rounding to 8 bits: patterns below it are not seen."""
NEIGHBOURS = (-4, -3, -2, 2, 3, 4)
"""Frequencies that a grid frequency is compared with, in bins; a Hann window spreads a line over ±1."""


def seam(image: Tensor) -> Tensor:
    """Step where the picture wraps around, over the mean step between neighbours inside; the worse of both axes.

    At most about 1: tiles without a visible seam. Pictures that are no tiles have several times that.

    Args:
        image: (B, C, H, W).

    Returns:
        (B,); NaN where a side is 1 px: it has no inside.
    """
    ratios = []
    for axis in (2, 3):
        inside = image.diff(dim=axis).abs().mean((1, 2, 3))
        first, last = image.narrow(axis, 0, 1), image.narrow(axis, image.shape[axis] - 1, 1)
        ratios.append((first - last).abs().mean((1, 2, 3)) / inside.clamp_min(1e-6))
    return torch.maximum(*ratios)


def border(image: Tensor, photo: Tensor) -> Tensor:
    """Detail of the outermost 8 px over that of the 8 px beside them, in units of the same ratio of the photo.

    Detail is the root mean square of steps between neighbours. 1 = the border is painted like the rest; networks with
    zero padding give more, those that blur their border less.

    Args:
        image: (B, 3, H, W).
        photo: The same shape.

    Returns:
        (B,); NaN below 32 px.
    """
    if min(image.shape[-2:]) < SMALLEST_RINGED_PX:
        return image.new_full((image.shape[0],), math.nan)
    own, wanted = (_ring_detail(picture, 0) / _ring_detail(picture, 1) for picture in (image, photo))
    return own / wanted


def _ring_detail(image: Tensor, ring: int) -> Tensor:
    """RMS step within one ring around the border, (B,)."""
    light = luminance(image)
    steps = light.diff(dim=2)[..., :-1].square() + light.diff(dim=3)[..., :-1, :].square()
    height, width = steps.shape[-2:]
    y, x = torch.arange(height, device=image.device), torch.arange(width, device=image.device)
    depth = torch.minimum(torch.minimum(y, height - 1 - y)[:, None], torch.minimum(x, width - 1 - x)[None])
    inside = (depth // RING_PX == ring).to(steps.dtype)
    return ((steps * inside).sum((1, 2, 3)) / inside.sum()).sqrt().clamp_min(1e-6)


def checkerboard(image: Tensor) -> Tensor:
    """Strength of patterns that repeat every 2 or 4 px, as upsampling leaves them: decibels above their surroundings.

    Welch's averaged spectrum of the luminance; power at the multiples of ¼ cycle per pixel over the median of
    frequencies close by on the same line. The largest ratio counts. 0 = none; a checkerboard of ±1/255 on grain of
    σ = 4/255 gives 21.

    Args:
        image: (B, 3, H, W).

    Returns:
        (B,) in dB, at least 0; NaN below 16 px.
    """
    tile = min(TILE_PX, *(side // 4 * 4 for side in image.shape[-2:]))
    if tile < SMALLEST_TILE_PX:
        return image.new_full((image.shape[0],), math.nan)
    power = _spectrum(luminance(image), tile)
    quarter = tile // 4
    loudest = power.new_zeros(power.shape[0])
    for row in range(4):
        for column in range(4):
            around = []
            if column:
                around += [power[:, row * quarter, (column * quarter + k) % tile] for k in NEIGHBOURS]
            if row:
                around += [power[:, (row * quarter + k) % tile, column * quarter] for k in NEIGHBOURS]
            if around:
                ratio = power[:, row * quarter, column * quarter] / torch.stack(around).median(0).values
                loudest = torch.maximum(loudest, 10 * ratio.log10())
    return loudest


def _spectrum(light: Tensor, tile: int) -> Tensor:
    """(B, 1, H, W) → mean power of half-overlapping Hann windows, (B, tile, tile), with the noise of 8 bits added."""
    windows = light.unfold(2, tile, tile // 2).unfold(3, tile, tile // 2).flatten(1, 3)  # (B, N, tile, tile)
    hann = torch.hann_window(tile, periodic=True, dtype=light.dtype, device=light.device)
    hann = hann[:, None] * hann[None]
    centred = windows - (windows * hann).sum((2, 3), keepdim=True) / hann.sum()
    power = torch.fft.fft2(centred * hann).abs().square().mean(1)
    return power + QUANTISATION * hann.square().sum()
