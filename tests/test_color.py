"""Colour preservation against scikit-image, numpy and formulas in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from brushwork.core.color import (
    keep_color,
    lab_to_srgb,
    linear_to_srgb,
    luminance,
    match_covariance,
    match_histogram,
    preserve_color,
    srgb_to_lab,
    srgb_to_linear,
    transfer_luminance,
)
from brushwork.core.errors import ConfigError, ImageError
from skimage.color import lab2rgb, rgb2lab, rgb2yiq, yiq2rgb
from skimage.exposure import match_histograms


def picture(batch=1, height=20, width=30, low=0.0, high=1.0):
    """Random colours with correlated channels."""
    mix = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.3, 0.6]])
    image = torch.einsum("ij,bjhw->bihw", mix, torch.rand(batch, 3, height, width))
    return low + (high - low) * image


def hwc(image):
    return image[0].permute(1, 2, 0).double().numpy()


def test_luminance_mode_is_y_of_the_painting_and_iq_of_the_photo():
    painting, photo = picture(low=0.3, high=0.7), picture(low=0.3, high=0.7)
    expected = rgb2yiq(hwc(photo))
    expected[..., 0] = rgb2yiq(hwc(painting))[..., 0]
    expected = np.clip(yiq2rgb(expected), 0, 1)
    assert np.abs(hwc(transfer_luminance(painting, photo)) - expected).max() < 1e-6


def test_luminance_is_skimages_y():
    image = picture()
    assert np.abs(luminance(image)[0, 0].double().numpy() - rgb2yiq(hwc(image))[..., 0]).max() < 1e-6


def test_luminance_needs_equal_sizes():
    with pytest.raises(ImageError, match="30×20"):
        transfer_luminance(picture(), picture(height=10))


def test_histogram_is_the_photos_exactly_when_no_values_tie():
    painting, photo = picture(2), picture(2, high=0.6)
    out = match_histogram(painting, photo)
    assert torch.equal(out.flatten(2).sort(2).values, photo.flatten(2).sort(2).values)
    assert torch.equal(out.flatten(2).argsort(2), painting.flatten(2).argsort(2))


def test_histogram_agrees_with_skimage():
    painting, photo = picture(), picture(high=0.6)
    expected = match_histograms(hwc(painting), hwc(photo), channel_axis=-1)
    assert np.abs(hwc(match_histogram(painting, photo)) - expected).max() < 1e-6


@pytest.mark.parametrize("size", [(7, 9), (40, 50)])
def test_histogram_of_a_photo_of_another_size_agrees_with_skimage(size):
    painting, photo = picture(), picture(1, *size, high=0.6)
    expected = match_histograms(hwc(painting), hwc(photo), channel_axis=-1)
    assert np.abs(hwc(match_histogram(painting, photo)) - expected).max() < 5e-5


def test_histogram_keeps_equal_values_equal():
    painting, photo = picture(), picture()
    painting[:, :, :10] = 0.25
    out = match_histogram(painting, photo)
    assert (out[:, :, :10].flatten(2).amax(2) == out[:, :, :10].flatten(2).amin(2)).all()


def test_coral_gives_the_photos_mean_and_covariance():
    # narrow, so that nothing is clipped at 0 or 1
    painting, photo = picture(2, low=0.2, high=0.9), picture(2, low=0.45, high=0.55)
    out = match_covariance(painting, photo).double()
    for got, want in zip(out.flatten(2).numpy(), photo.double().flatten(2).numpy(), strict=True):
        assert np.abs(got.mean(1) - want.mean(1)).max() < 1e-6
        assert np.abs(np.cov(got) - np.cov(want)).max() < 1e-7


def test_coral_matrix_is_symmetric_root_times_symmetric_inverse_root():
    painting, photo = picture(low=0.2, high=0.9), picture(low=0.45, high=0.55)
    x, p = (image.double().flatten(2)[0].numpy() for image in (painting, photo))

    def power(matrix, exponent):
        values, vectors = np.linalg.eigh(matrix)
        return vectors @ np.diag(values**exponent) @ vectors.T

    matrix = power(np.cov(p, bias=True), 0.5) @ power(np.cov(x, bias=True), -0.5)
    expected = matrix @ (x - x.mean(1, keepdims=True)) + p.mean(1, keepdims=True)
    assert np.abs(match_covariance(painting, photo).flatten(2)[0].numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("flat", ["painting", "photo", "grey painting"])
def test_coral_of_flat_and_grey_pictures_stays_finite(flat):
    painting, photo = picture(), picture()
    if flat == "painting":
        painting = torch.full_like(painting, 0.3)
    elif flat == "photo":
        photo = torch.full_like(photo, 0.3)
    else:
        painting = painting[:, :1].expand(-1, 3, -1, -1)
    out = match_covariance(painting, photo)
    assert torch.isfinite(out).all()
    if flat != "grey painting":
        wanted = photo.mean((2, 3)).expand(1, 3)
        assert torch.allclose(out.mean((2, 3)), wanted, atol=1e-5)


@pytest.mark.parametrize("mode", ["luminance", "histogram", "coral", "keep", "lab"])
def test_a_painting_equal_to_the_photo_does_not_change(mode):
    photo = picture(2)
    assert torch.allclose(preserve_color(photo, photo, mode), photo, atol=2e-6)


@pytest.mark.parametrize("mode", ["none", "luminance", "histogram", "coral", "keep", "lab", "palette"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5)])
def test_every_mode_keeps_shape_dtype_and_range(mode, dtype, size):
    painting, photo = torch.rand(2, 3, *size, dtype=dtype), torch.rand(1, 3, *size, dtype=dtype)
    before = painting.clone(), photo.clone()
    out = preserve_color(painting, photo, mode)
    assert out.shape == painting.shape
    assert out.dtype == dtype
    assert torch.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(painting, before[0])
    assert torch.equal(photo, before[1])


def test_unknown_mode_and_misfitting_batches_are_explained():
    with pytest.raises(ConfigError, match="histogram"):
        preserve_color(picture(), picture(), "sepia")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="1 or 3"):
        preserve_color(picture(3), picture(2), "coral")


def saturated(batch=1, height=24, width=32):
    """Colours up to the corners of the gamut."""
    return torch.rand(batch, 3, height, width) ** 0.5


def test_lab_is_skimages_there_and_back():
    image = saturated().double()
    assert np.abs(hwc(srgb_to_lab(image)) - rgb2lab(hwc(image))).max() < 0.03  # its white has four digits
    assert torch.allclose(lab_to_srgb(srgb_to_lab(image)), image, atol=1e-9)
    assert torch.allclose(linear_to_srgb(srgb_to_linear(image * 3 - 1)), image * 3 - 1, atol=1e-9)
    shown = torch.tensor([0.0, 0.04045, 0.5, 1.0]).view(1, 1, 1, 4)
    assert torch.allclose(srgb_to_linear(shown).flatten(), torch.tensor([0, 0.0031308, 0.2140411, 1]), atol=1e-6)


def test_keep_is_the_photos_ab_under_the_paintings_lightness():
    """The bar: mean a*b* distance (CIE 1976) to the photo of at most 2 where such a colour exists."""
    painting, photo = saturated(), saturated()
    lab, wanted = rgb2lab(hwc(painting)), rgb2lab(hwc(photo))
    wanted[..., 0] = lab[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skimage's remark on negative Z
        there_and_back = rgb2lab(lab2rgb(wanted))
    in_gamut = np.abs(there_and_back - wanted).max(-1) < 0.1
    assert 0.1 < in_gamut.mean() < 0.9
    kept = rgb2lab(hwc((keep_color(painting, photo) * 255).round() / 255))
    distance = np.hypot(*np.moveaxis((kept - wanted)[..., 1:], -1, 0))
    assert distance[in_gamut].mean() <= 2
    assert np.abs((kept - wanted)[..., 0])[in_gamut].mean() < 0.5
    assert np.hypot(*np.moveaxis((rgb2lab(hwc(painting)) - wanted)[..., 1:], -1, 0)).mean() > 10


def test_colours_outside_the_gamut_lose_chroma_and_keep_hue_and_lightness():
    painting, photo = torch.full((1, 3, 1, 3), 0.95), torch.zeros(1, 3, 1, 3)
    photo[0, 2] = 1  # blue, which there is none of so light
    kept = rgb2lab(hwc(keep_color(painting, photo)))[0, 0]
    blue, light = rgb2lab(hwc(photo))[0, 0], rgb2lab(hwc(painting))[0, 0]
    assert abs(kept[0] - light[0]) < 0.5
    assert 3 < np.hypot(*kept[1:]) < np.hypot(*blue[1:])
    assert abs(np.arctan2(kept[2], kept[1]) - np.arctan2(blue[2], blue[1])) < 0.05


def test_lab_mode_gives_the_photos_mean_and_deviation():
    painting, photo = picture(low=0.3, high=0.6), picture(low=0.4, high=0.6)
    out, wanted = rgb2lab(hwc(preserve_color(painting, photo, "lab"))), rgb2lab(hwc(photo))
    assert np.abs(out.mean((0, 1)) - wanted.mean((0, 1))).max() < 0.05
    assert np.abs(out.std((0, 1)) - wanted.std((0, 1))).max() < 0.05
    flat = torch.full_like(painting, 0.3)
    assert torch.isfinite(preserve_color(flat, photo, "lab")).all()


def sliced_distance(one, other):
    """Wasserstein distance of the colour distributions, averaged over directions."""
    directions = np.random.default_rng(3).normal(size=(64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    along = [np.sort(hwc(image).reshape(-1, 3) @ directions.T, axis=0) for image in (one, other)]
    return np.abs(along[0] - along[1]).mean()


def test_palette_brings_the_whole_distribution_over():
    """Two narrow inks, one for each half of the cube: matched channel by channel, colours between them appear."""
    painting = saturated(height=40, width=40)
    inks = torch.tensor([[0.9, 0.7, 0.1], [0.1, 0.2, 0.6]])
    palette = inks[torch.randint(0, 2, (1, 40, 40))].movedim(-1, 1) + torch.randn(1, 3, 40, 40) * 0.02
    palette = palette.clamp(0, 1)
    moved = preserve_color(painting, palette, "palette")
    before = sliced_distance(painting, palette)
    assert sliced_distance(moved, palette) < 0.1 * before
    assert sliced_distance(moved, palette) < 0.3 * sliced_distance(match_histogram(painting, palette), palette)
    assert torch.equal(preserve_color(painting, palette, "palette"), moved)


@pytest.mark.parametrize("mode", ["luminance", "coral", "keep", "lab"])
def test_amount_is_a_way_from_the_paintings_colours(mode):
    painting, photo = picture(2), picture(2)
    full = preserve_color(painting, photo, mode)
    assert preserve_color(painting, photo, mode, 0.0) is painting
    half = preserve_color(painting, photo, mode, 0.5)
    assert torch.allclose(half, (painting + full) / 2, atol=1e-6)
    with pytest.raises(ConfigError, match="amount"):
        preserve_color(painting, photo, mode, 1.5)
