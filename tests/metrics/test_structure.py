"""Seams, borders, checkerboards and flicker, where the right answer is known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from brushwork.core.metrics import Flicker, border, checkerboard, seam
from brushwork.core.pictures import read_picture
from brushwork.core.pictures.samples import CREDITS, sample_photo

SIGMA = 4 / 255


def grain(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Grey with white noise, equal in all channels."""
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + SIGMA * torch.randn(1, 1, height, width, generator=generator).expand(-1, 3, -1, -1)


def waves(height: int, width: int) -> torch.Tensor:
    """A tile: whole numbers of periods along both axes."""
    y = torch.arange(height)[:, None] / height
    x = torch.arange(width)[None] / width
    return (0.5 + 0.2 * torch.sin(2 * math.pi * (3 * x + y)) + 0.2 * torch.cos(2 * math.pi * 2 * y)).expand(
        1, 3, -1, -1
    )


def test_a_tile_has_no_seam_and_a_cut_tile_has_one():
    tile = waves(80, 120)
    assert float(seam(tile)) == pytest.approx(1, abs=0.15)
    assert float(seam(tile[..., :107])) > 5
    assert float(seam(tile[:, :, :71])) > 5


def test_seam_by_hand():
    rows = np.array([[0.0, 0.1, 0.3, 0.6], [0.0, 0.2, 0.2, 0.4]])
    image = torch.from_numpy(rows).expand(1, 3, 2, 4)
    across = np.abs(rows[:, -1] - rows[:, 0]).mean() / np.abs(np.diff(rows, axis=1)).mean()
    along = np.abs(rows[-1] - rows[0]).mean() / np.abs(np.diff(rows, axis=0)).mean()
    assert float(seam(image)) == pytest.approx(max(across, along))


def test_a_blurred_and_a_noisy_border():
    photo = grain(120, 90)
    assert float(border(photo, photo)) == 1
    painting = photo.clone()
    frame = torch.ones(120, 90, dtype=torch.bool)
    frame[8:-8, 8:-8] = False
    painting[..., frame] = 0.5 + 0.5 * (painting[..., frame] - 0.5)
    assert float(border(painting, photo)) == pytest.approx(0.5, abs=0.05)
    painting[..., frame] = 0.5 + 4 * (painting[..., frame] - 0.5)
    assert float(border(painting, photo)) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("axes", ["x", "y", "both"])
def test_a_pattern_stands_out_by_as_much_as_the_spectrum_says(period, axes):
    """Power of a line of amplitude a under the window w: a² (Σw)², of noise: σ² Σw²; a cosine has half of it a side."""
    amplitude = 2 / 255
    cosine = torch.cos(2 * math.pi * torch.arange(512) / period)
    pattern = {"x": cosine[None], "y": cosine[:, None], "both": cosine[None] * cosine[:, None]}[axes]
    share = {"x": 1, "y": 1, "both": 1}[axes] if period == 2 else {"x": 1 / 2, "y": 1 / 2, "both": 1 / 4}[axes]
    hann = np.hanning(65)[:-1]
    window = hann[:, None] * hann[None]
    noise = (SIGMA**2 + (1 / 255) ** 2 / 12) * (window**2).sum()
    expected = 10 * math.log10(1 + (amplitude * share * window.sum()) ** 2 / noise)
    found = float(checkerboard(grain(512, 512) + amplitude * pattern))
    assert found == pytest.approx(expected, abs=1)
    assert expected > 8


def test_no_pattern_where_there_is_none():
    assert float(checkerboard(grain(512, 512))) < 1.5
    assert float(checkerboard(torch.full((1, 3, 100, 100), 0.3))) == pytest.approx(0, abs=0.01)
    for name in CREDITS:
        assert float(checkerboard(read_picture(sample_photo(name)).image)) < 4, name
    assert math.isnan(float(checkerboard(torch.rand(1, 3, 15, 40))))


def test_transposed_convolution_is_caught_and_nearest_upsampling_is_not():
    """Odena et al. 2016: overlap of the kernel's steps, in a layer with random weights."""
    coarse = torch.rand(1, 8, 40, 40, generator=torch.Generator().manual_seed(1))
    small = torch.nn.functional.interpolate(coarse, (130, 130), mode="bicubic")
    weight = torch.rand(8, 1, 3, 3, generator=torch.Generator().manual_seed(2))
    transposed = torch.nn.functional.conv_transpose2d(small, weight, stride=2)
    nearest = torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")
    nearest = torch.nn.functional.conv2d(nearest, weight.transpose(0, 1))
    pictures = [(image / image.max()).expand(-1, 3, -1, -1) for image in (transposed, nearest)]
    strong, weak = (float(checkerboard(image)) for image in pictures)
    assert strong > 20
    assert weak < 6


def wallpaper(seed: int) -> torch.Tensor:
    """Detail at several scales, (1, 3, 80, 160)."""
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.rand(1, 3, 80 // s, 160 // s, generator=generator) for s in (4, 10, 20)]
    scales = [torch.nn.functional.interpolate(layer, (80, 160), mode="bicubic") for layer in layers]
    return torch.stack(scales).mean(0).clamp(0, 1)


def test_flicker_follows_what_moves():
    """The camera pans by 3 pixels a frame over a photo and its painting; then the paint stays where it was."""
    photo, painting = wallpaper(1), wallpaper(2)
    carried, left_behind, noisy = Flicker(), Flicker(), Flicker()
    assert math.isnan(carried.value)
    for t in range(4):
        window = (..., slice(3 * t, 3 * t + 100))
        carried.add(painting[window], photo[window])
        left_behind.add(painting[..., :100], photo[window])
        noisy.add(painting[window] + 0.04 * (-1) ** t, photo[window])
    assert carried.value < 0.02
    assert left_behind.value > 5 * carried.value
    assert noisy.value == pytest.approx(0.08, rel=0.05)


def test_flicker_counts_only_what_is_seen_twice():
    film, other = wallpaper(1)[..., :80], wallpaper(3)[..., :80]
    half = film.clone()
    half[..., :40] = other[..., :40]
    painted = film.clone()
    painted[..., :40] = 1 - painted[..., :40]  # where the film is another one
    watched = Flicker()
    watched.add(film, film)
    watched.add(painted, half)
    everywhere = (painted - film).square().mean().sqrt()
    assert watched.value < 0.25 * everywhere
