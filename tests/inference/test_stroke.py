"""Stroke size: octaves and detail against their formulas, mixes of trained sizes, previews that keep their word."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.errors import ConfigError
from brushwork.core.inference import Controls, StyleLayer, StyleModel, Stylizer
from brushwork.core.inference.stroke import octaves, paint_at_stroke_size, relative_stroke
from brushwork.core.inference.stroke_styles import PICTURE_EFFECT, TRAINED_EFFECT, with_stroke_size
from brushwork.core.spec import StyleInfo

PERIOD_PX = 8


def stripes(photo: torch.Tensor, _code: object = None) -> torch.Tensor:
    """A network whose strokes are plain to see: diagonal stripes of a fixed period on the photo's tones."""
    height, width = photo.shape[-2:]
    phase = (torch.arange(height)[:, None] + torch.arange(width)) * (2 * torch.pi / PERIOD_PX / 2**0.5)
    return (0.6 * photo + 0.2 + 0.15 * torch.sin(phase)).clamp(0, 1)


def flat(height: int = 128, width: int = 128) -> torch.Tensor:
    return torch.full((1, 3, height, width), 0.5)


def scale_px(image: torch.Tensor) -> float:
    spec = importlib.util.spec_from_file_location(
        "stroke_scale", Path(__file__).parents[2] / "benchmarks/stroke_scale.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stroke_scale_px(image)


def test_size_one_is_the_plain_run_bit_for_bit(any_model):
    photo = torch.rand(1, 3, 33, 26)
    plain = Stylizer(any_model, "cpu")(photo)
    assert torch.equal(Stylizer(any_model, "cpu")(photo, controls=Controls(stroke_size=1.0)), plain)
    reference = Controls(stroke_reference_px=33)
    assert torch.equal(Stylizer(any_model, "cpu")(photo, controls=reference), plain)


def test_strokes_grow_with_the_slider():
    scales = [scale_px(paint_at_stroke_size(stripes, flat(), None, s)) for s in (0.25, 0.5, 1, 2, 4)]
    assert scales == sorted(scales)
    for scale, factor in zip(scales[1:], (0.5, 1, 2, 4), strict=True):
        assert scale == pytest.approx(PERIOD_PX * factor, rel=0.25)
    assert scales[-1] >= 3 * scales[0]


def test_octaves_end_at_the_networks_own_size():
    assert octaves(4) == [4, 2, 1]
    assert octaves(3) == [3, 1.5, 1]
    assert octaves(1.1) == [1.1, 1]
    assert octaves(8) == [8, 4, 2, 1]


def test_the_photos_detail_stays_and_flat_areas_keep_large_strokes():
    photo = flat()
    photo[..., 40:88, 63:65] = 0.0  # a twig two pixels wide, which an eighth of the size cannot hold
    painted = paint_at_stroke_size(stripes, photo, None, 4)
    around = painted[..., 40:88, 52:76].mean((0, 1, 2))
    assert around[11:13].mean() < around[[2, 3, 20, 21]].mean() - 0.15
    small = torch.nn.functional.interpolate(stripes(flat(32, 32)), (128, 128), mode="bicubic")
    far = (painted - small)[..., :30, :].abs()
    assert far.max() < 0.02


@pytest.mark.parametrize(("lost", "share"), [(0.025, 0.09), (0.08, 0.5), (0.24, 0.9)])
def test_the_fine_painting_shows_where_much_is_lost(lost, share):
    """Stripes of one pixel, which half the size cannot hold, and a painting of as fine a weave over a flat one."""
    stripe = torch.tensor([1.0, -1.0]).repeat(32).expand(1, 3, 64, 64)

    def paint(photo, code):
        return 0.5 + 0.3 * stripe.mT if photo.shape[-1] == 64 else torch.full_like(photo, 0.5)

    painted = paint_at_stroke_size(paint, 0.5 + lost * stripe, None, 2)
    inside = painted[..., 8:-8, 8:-8]
    assert inside.std() == pytest.approx(0.3 * share, rel=0.1)


def test_finer_strokes_have_something_to_hang_on():
    """A wall without any texture is grained for the network, the same every time, and unseen in the result."""
    seen = []

    def spy(photo, code):
        seen.append(photo)
        return photo

    results = [paint_at_stroke_size(spy, flat(60, 90), None, size) for size in (0.25, 0.25, 0.9, 1)]
    assert torch.equal(*results[:2])
    deviations = [255 * float(photo.std()) for photo in seen]
    assert 2 < deviations[0] < 3
    assert deviations[0] > deviations[2] > deviations[3] == 0
    assert 255 * results[0].std() < 1
    assert results[0].mean() == pytest.approx(0.5, abs=1e-3)


def test_below_one_the_network_sees_a_larger_photo():
    seen = []

    def spy(photo, code):
        seen.append(tuple(photo.shape[-2:]))
        return photo

    for size in (0.25, 0.5, 2, 4):
        assert paint_at_stroke_size(spy, torch.rand(1, 3, 20, 30), None, size).shape == (1, 3, 20, 30)
    assert seen == [(80, 120), (40, 60), (10, 15), (20, 30), (5, 8), (10, 15), (20, 30)]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (33, 26)])
@pytest.mark.parametrize("stroke", [0.25, 1.7, 4.0])
def test_any_picture_at_any_stroke_size_comes_back(any_model, size, stroke):
    photo, left = torch.rand(1, 4, *size), torch.rand(9, 5)
    out = Stylizer(any_model, "cpu")(photo, strength=0.7, mask=left, controls=Controls(stroke_size=stroke))
    assert out.shape == photo.shape
    assert torch.isfinite(out).all()
    assert torch.equal(out[:, 3], photo[:, 3])
    assert torch.equal(Stylizer(any_model, "cpu")(photo, strength=0, controls=Controls(stroke_size=stroke)), photo)


def test_a_preview_shows_the_final_picture():
    """512 pixels with a reference of 512, and a picture eight times as large: the same strokes, seen from afar."""
    final = flat(512, 512)
    final[..., 200:300, :] = 0.8
    preview = torch.nn.functional.interpolate(final, (64, 64), mode="area")
    size = relative_stroke(1.0, 64, 512, 512)
    assert size == 8
    shown = stripes(preview)
    large = torch.nn.functional.interpolate(paint_at_stroke_size(stripes, final, None, size), (64, 64), mode="area")
    assert (large - shown).abs().mean() < 0.03
    without = torch.nn.functional.interpolate(stripes(final), (64, 64), mode="area")
    assert (without - shown).abs().mean() > 0.05


def family(make_conditional) -> StyleModel:
    model = make_conditional("dots--small", "dots--large", "waves", "identity")
    sizes = {"dots--small": 128, "dots--large": 512, "waves": 256}
    styles = tuple(StyleInfo(name, style_size_px=sizes.get(name)) for name in model.spec.style_names)
    return StyleModel(model.network, model.spec.with_(styles=styles))


@pytest.mark.parametrize(
    ("style", "size", "weights", "inside"),
    [
        ("dots--small", 2, [0.5, 0.5, 0, 0], 2),
        ("dots--small", 4, [0, 1, 0, 0], 4),
        ("dots--small", 8, [0, 1, 0, 0], 4),
        ("dots--small", 0.5, [1, 0, 0, 0], 1),
        ("dots--large", 0.5, [0.5, 0.5, 0, 0], 0.5),
        ("dots--large", 2, [0, 1, 0, 0], 1),
        ("waves", 2, [0, 0, 1, 0], 1),
        ({"dots--small": 1, "identity": 1}, 2, [0.25, 0.25, 0, 0.5], 2),
        ({"dots--small": 1, "waves": 1}, 2, [0.5, 0, 0.5, 0], 1),
        (None, 2, [0.5, 0.5, 0, 0], 2),
    ],
)
def test_trained_sizes_are_mixed_by_log_size(make_conditional, style, size, weights, inside):
    model = family(make_conditional)
    chosen, rest = with_stroke_size(model, style, size)
    assert torch.allclose(model.encode(chosen).weights, torch.tensor([weights], dtype=torch.float32))
    assert rest == pytest.approx(size / inside**TRAINED_EFFECT)


def test_masks_stay_with_their_styles(make_conditional):
    model, mask = family(make_conditional), torch.rand(4, 4)
    chosen, rest = with_stroke_size(model, [StyleLayer("dots--small", 3, mask), StyleLayer("identity")], 2)
    assert rest == pytest.approx(2 / 2**TRAINED_EFFECT)
    assert [(layer.style, layer.weight) for layer in chosen] == [(0, 1.5), (1, 1.5), ("identity", 1.0)]
    assert all(layer.mask is mask for layer in chosen[:2])


def test_style_pictures_are_scaled_and_the_rest_is_resolution(any_style):
    picture = torch.rand(1, 3, 20, 30)
    for size, factor in ((4, 2), (0.25, 0.5), (2.25, 1.5)):
        scaled, rest = with_stroke_size(any_style, picture, size)
        assert scaled.shape[-2:] == (20 * factor, 30 * factor)
        assert rest == pytest.approx(size / factor**PICTURE_EFFECT)
    layers = [StyleLayer(picture, 2.0), StyleLayer(picture[..., :10], 1.0)]
    scaled, _ = with_stroke_size(any_style, layers, 4)
    assert [layer.style.shape[-1] for layer in scaled] == [60, 20]
    assert with_stroke_size(any_style, picture, 1) == (picture, 1.0)


@pytest.mark.parametrize("bad", [0.2, 4.1, float("nan")])
def test_sizes_out_of_range_are_refused(bad):
    with pytest.raises(ConfigError, match="stroke size"):
        Controls(stroke_size=bad)
    with pytest.raises(ConfigError, match="reference"):
        replace(Controls(), stroke_reference_px=8)


def test_the_scale_that_the_benchmark_measures_is_the_period():
    for period in (4, 8, 16):
        wave = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(128) / period)
        image = torch.from_numpy(np.broadcast_to(wave, (1, 3, 128, 128)).copy())
        assert scale_px(image) == pytest.approx(period, rel=0.05)


def test_progress_goes_on_through_octaves_and_bands(fixed):
    shares: list[float] = []
    controls = Controls(stroke_size=4.0, fine_strength=0.5)
    Stylizer(fixed, "cpu")(torch.rand(2, 3, 48, 40), controls=controls, on_strip=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
