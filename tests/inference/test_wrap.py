"""Borders that are none: tiles against circular shifts, panoramas against the sphere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from brushwork.core.errors import ConfigError, ImageError
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.panorama import Panorama, around_borders
from brushwork.core.inference.periodic import periodic_component, periodic_resize
from scipy.ndimage import gaussian_filter


def tile(height: int = 64, width: int = 96, sigma: float = 2.0) -> torch.Tensor:
    """A random picture that repeats along both axes."""
    noise = np.random.default_rng(4).random((1, 3, height, width))
    smooth = gaussian_filter(noise, (0, 0, sigma, sigma), mode="wrap")
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return torch.from_numpy(smooth).float()


def seam(image: torch.Tensor, dim: int) -> float:
    """Mean step over the border, relative to the largest between neighbouring lines inside."""
    over = (image.select(dim, 0) - image.select(dim, -1)).abs().mean()
    others = [axis for axis in range(4) if axis != dim]
    return float(over / image.diff(dim=dim).abs().mean(others).max())


@pytest.mark.parametrize("axis", [2, 3])
def test_a_shifted_tile_gives_the_shifted_painting(make_fixed, axis):
    """What circular padding means; batch norm, since the margins count in the statistics of instance norm."""
    stylizer, photo = Stylizer(make_fixed("batch"), "cpu"), tile()
    wrapped = stylizer(photo, controls=Controls(wrap="both"))
    shifted = stylizer(photo.roll(16, axis), controls=Controls(wrap="both"))
    assert torch.allclose(shifted, wrapped.roll(16, axis), atol=1e-5)
    plain = stylizer(photo)
    assert not torch.allclose(stylizer(photo.roll(16, axis)), plain.roll(16, axis), atol=1e-2)
    inside = (slice(None), slice(None), slice(24, -24), slice(24, -24))
    assert torch.allclose(wrapped[inside], plain[inside], atol=1e-5)


def test_a_tile_of_any_size_shifts_with_its_painting(make_fixed):
    """50 by 70: no stride divides them, so the network paints another size."""
    stylizer, photo, controls = Stylizer(make_fixed("batch"), "cpu"), tile(50, 70), Controls(wrap="both")
    wrapped = stylizer(photo, controls=controls)
    shifted = stylizer(photo.roll((25, 35), (2, 3)), controls=controls)
    assert torch.allclose(shifted, wrapped.roll((25, 35), (2, 3)), atol=1e-5)


@pytest.mark.parametrize("size", [(64, 96), (50, 70)])
@pytest.mark.parametrize(("wrap", "axes"), [("x", [3]), ("y", [2]), ("both", [2, 3])])
def test_the_seam_is_not_above_the_variation_inside(any_model, size, wrap, axes):
    photo = tile(*size)
    out = Stylizer(any_model, "cpu")(photo, controls=Controls(wrap=wrap))
    assert out.shape == photo.shape
    for axis in axes:
        assert seam(out, axis) <= 1


@pytest.mark.parametrize("stroke", [0.5, 2.0])
def test_tiles_have_no_seam_at_other_stroke_sizes(any_model, stroke):
    out = Stylizer(any_model, "cpu")(tile(), controls=Controls(wrap="both", stroke_size=stroke))
    assert max(seam(out, 2), seam(out, 3)) <= 1


def test_masks_and_maps_go_with_the_picture(conditional):
    photo, left = tile(), torch.zeros(64, 96)
    left[:, :48] = 1
    layers = [StyleLayer("waves", 1, left), StyleLayer("dots", 1, 1 - left)]
    controls = Controls(wrap="both", strength_map=torch.linspace(0, 1, 96).expand(64, 96))
    stylizer = Stylizer(conditional, "cpu")
    out = stylizer(photo, layers, controls=controls)
    assert torch.isfinite(out).all()
    one = Controls(wrap="both")
    half, other = stylizer(photo, layers, controls=one), stylizer(photo, "waves", controls=one)
    assert (half - other)[..., 22:26].abs().mean() < 0.5 * (half - other)[..., 70:74].abs().mean()


def test_a_photo_that_repeats_already_is_not_changed_and_another_loses_its_jump():
    photo = tile().double()
    assert periodic_component(photo, wrap=(True, True)) is photo
    ramp = torch.linspace(0.3, 0.7, 96, dtype=torch.float64).expand(1, 3, 64, 96) + 0.05 * (photo - 0.5)
    level = periodic_component(ramp, wrap=(True, False))
    assert seam(ramp, 3) > 20
    assert seam(level, 3) < 2
    assert torch.allclose(level.mean((2, 3)), ramp.mean((2, 3)))
    # Moisan 2011, eq. 11: inside, the Laplacian is the photo's own
    inner = [
        (i[..., 1:-1, 2:] + i[..., 1:-1, :-2] + i[..., 2:, 1:-1] + i[..., :-2, 1:-1] - 4 * i[..., 1:-1, 1:-1])
        for i in (level, ramp)
    ]
    assert torch.allclose(*inner, atol=1e-9)


def test_periodic_resizing_commutes_with_shifts():
    photo = tile(60, 90).double()
    larger = periodic_resize(photo, 80, 120, wrap=(True, True))
    shifted = periodic_resize(photo.roll((15, 30), (2, 3)), 80, 120, wrap=(True, True))
    assert torch.allclose(shifted, larger.roll((20, 40), (2, 3)), atol=1e-9)
    assert periodic_resize(photo, 60, 90, wrap=(True, False)) is photo


def sphere(height: int = 128) -> torch.Tensor:
    """Waves on the sphere, smooth across the meridian and over the poles."""
    latitude = math.pi / 2 - (torch.arange(height) + 0.5) / height * math.pi
    longitude = (torch.arange(2 * height) + 0.5) / height * math.pi
    x = latitude.cos()[:, None] * longitude.cos()
    y = latitude.cos()[:, None] * longitude.sin()
    z = latitude.sin()[:, None].expand_as(x)
    return torch.stack([0.5 + 0.4 * torch.sin(5 * axis + 1) for axis in (x, y, z)])[None]


def test_the_way_to_the_canvas_and_back_is_the_picture():
    photo = sphere()
    frame = Panorama(128, 256)
    back = frame.cut(frame.extend(photo))
    assert back.shape == photo.shape
    assert (back - photo).abs().max() < 0.02
    assert (back - photo).abs().mean() < 1e-3


def test_strokes_at_the_poles_are_no_spokes():
    """Seen on the sphere, the first row is a point: strokes drawn on the disc agree there."""

    def checks(photo, _code):
        height, width = photo.shape[-2:]
        pattern = (((torch.arange(height)[:, None] + 4) // 8 + (torch.arange(width) + 4) // 8) % 2).float()
        return pattern.expand_as(photo)

    plain, wrapped = checks(sphere(), None), around_borders(checks, "panorama")(sphere(), None)
    for row in (0, -1):
        assert plain[..., row, :].std() > 0.45
        assert wrapped[..., row, :].std() < 0.1
    equator = slice(50, 78)
    shifted = plain[..., equator, :]
    assert wrapped[..., equator, :].std() > 0.9 * shifted.std()


def test_a_painted_panorama_has_no_meridian(any_model):
    photo = sphere()
    out = Stylizer(any_model, "cpu")(photo, controls=Controls(wrap="panorama"))
    assert out.shape == photo.shape
    assert seam(out, 3) <= 1
    assert seam(Stylizer(any_model, "cpu")(photo), 3) > seam(out, 3)


def test_wrong_wraps_are_explained(fixed):
    with pytest.raises(ConfigError, match="panorama"):
        Controls(wrap="torus")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="twice as wide"):
        Stylizer(fixed, "cpu")(torch.rand(1, 3, 20, 30), controls=Controls(wrap="panorama"))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5)])
def test_tiny_tiles_come_back(fixed, size):
    out = Stylizer(fixed, "cpu")(torch.rand(1, 4, *size), controls=Controls(wrap="both"))
    assert out.shape == (1, 4, *size)
    assert torch.isfinite(out).all()
