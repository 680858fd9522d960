"""Frames that know of each other: neutral, smoothed, moved along, cut, resumed."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.architectures import build_network
from brushwork.core.architectures._statistics import painting_pass
from brushwork.core.color.lab import linear_to_srgb, srgb_to_linear
from brushwork.core.errors import ConfigError
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.video import (
    FilmPainter,
    Keyframe,
    StyleCurve,
    TemporalOptions,
    VideoStylizer,
    coats,
    sharp,
)
from brushwork.core.inference.video.camera import camera_flow, steadied
from brushwork.core.inference.video.statistics import SmoothedStatistics
from brushwork.core.inference.video.warp import warp
from brushwork.core.spec import ModelSpec
from brushwork.core.style_model import StyleModel

_path = Path(__file__).resolve().parents[3] / "benchmarks" / "moving_scene.py"
_spec = importlib.util.spec_from_file_location("moving_scene", _path)
assert _spec
assert _spec.loader
moving_scene = importlib.util.module_from_spec(_spec)
import sys  # noqa: E402

sys.modules["moving_scene"] = moving_scene  # dataclasses look their module up
_spec.loader.exec_module(moving_scene)


def texture(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.rand(1, 3, 160 // s, 160 // s, generator=generator) for s in (2, 5, 16)]
    return (torch.stack([F.interpolate(layer, (160, 160), mode="bicubic") for layer in layers]).sum(0) / 3).clamp(0, 1)[
        0
    ]


@pytest.fixture
def painter(make_fixed) -> Stylizer:
    return Stylizer(make_fixed(), "cpu", "exact")


@pytest.fixture
def scene():
    return moving_scene.MovingScene(texture(1), texture(2), 72, 96)


NEUTRAL = TemporalOptions(blend=0, smooth=0)


def test_neutral_is_bit_identical_to_single_frames(painter, scene) -> None:
    video = VideoStylizer(painter, NEUTRAL)
    for t in range(3):
        assert torch.equal(video(scene.frame(t)), painter(scene.frame(t)))


def test_strength_zero_is_the_film(painter, scene) -> None:
    video = VideoStylizer(painter)
    for t in range(3):
        assert torch.equal(video(scene.frame(t), strength=0.0), scene.frame(t))


def test_the_first_frame_is_painted_as_a_photo_where_nothing_is_blended(painter, scene) -> None:
    video = VideoStylizer(painter, TemporalOptions(blend=0, smooth=0.9))
    torch.testing.assert_close(video(scene.frame(0)), painter(scene.frame(0)), rtol=0, atol=1e-5)


def test_statistics_are_exponential_means(painter, scene) -> None:
    """With the first frame's statistics kept nearly whole, a brighter second frame is painted brighter.

    Instance norm alone would take a change of light away: then both paintings are the same.
    """
    frame = scene.frame(0) * 0.5
    lighter = frame * 1.5
    alone = (painter(lighter) - painter(frame)).abs().mean()
    video = VideoStylizer(painter, TemporalOptions(blend=0, smooth=0.9, cut=9))
    first = video(frame)
    second = video(lighter)
    assert (second - first).abs().mean() > 5 * alone
    again = video(lighter)
    for _ in range(120):
        again = video(lighter)
    torch.testing.assert_close(again, painter(lighter), rtol=0, atol=2e-3)


def test_style_pictures_are_encoded_without_the_films_statistics(scene) -> None:
    config = {"width": 8, "blocks": 1, "stem": 8, "down": 4, "up": (4, 4), "expansion": 2}
    network = build_network("msg_net", config)
    model = StyleModel(network, ModelSpec("msg_net", config))
    memory = SmoothedStatistics(0.9)
    with memory.frame():
        code = model.encode(texture(3)[None])
        model.paint(scene.frame(0), code)
    painted = len(memory.state_dict())
    with memory.frame():
        model.encode(texture(4)[None])
    assert len(memory.state_dict()) == painted >= 2 * 10


def test_a_pass_that_failed_leaves_no_trace_in_the_statistics(scene) -> None:
    """For want of memory the engine paints a picture again in smaller steps."""
    whole, retried = SmoothedStatistics(0.8), SmoothedStatistics(0.8)
    with whole.frame(), painting_pass():
        whole(torch.ones(1, 2), torch.ones(1, 2))
    with retried.frame():
        with contextlib.suppress(MemoryError), painting_pass():
            retried(torch.zeros(1, 2), torch.ones(1, 2))
            raise MemoryError
        with painting_pass():
            retried(torch.ones(1, 2), torch.ones(1, 2))
    with contextlib.suppress(KeyboardInterrupt), retried.frame(), painting_pass():
        retried(torch.zeros(1, 2), torch.ones(1, 2))
        raise KeyboardInterrupt
    for memory in (whole, retried):
        assert set(memory.state_dict()) == {"1.0.0", "1.0.1"}
        assert torch.equal(memory.state_dict()["1.0.0"], torch.ones(1, 2))


def warping_error(frames: list[torch.Tensor], scene) -> float:
    total = 0.0
    for t in range(1, len(frames)):
        flow, seen = scene.flow(t, t - 1)
        difference = (frames[t] - warp(frames[t - 1], flow, mode="bicubic")).square().mean(1, keepdim=True)
        total += float(difference[seen].mean())
    return total / (len(frames) - 1)


def test_paint_stays_on_what_it_was_painted_on(painter, scene) -> None:
    frames = [scene.frame(t) for t in range(6)]
    video = VideoStylizer(painter)
    painted = [video(frame) for frame in frames]
    assert video.cuts == 0
    ratio = warping_error(painted, scene) / warping_error([painter(frame) for frame in frames], scene)
    assert ratio < 0.3, f"warping error × {ratio:.2f}"


def test_nothing_of_a_shot_shines_through_a_cut(painter, scene) -> None:
    other = moving_scene.MovingScene(texture(8), None, 72, 96)
    video = VideoStylizer(painter)
    for t in range(3):
        video(scene.frame(t))
    after = video(other.frame(0))
    assert video.cuts == 1
    fresh = VideoStylizer(painter)
    assert torch.equal(after, fresh(other.frame(0)))


def test_without_detection_the_consistency_check_keeps_the_past_out(painter, scene) -> None:
    other = moving_scene.MovingScene(texture(8), None, 72, 96)
    video = VideoStylizer(painter, TemporalOptions(smooth=0, cut=9))
    first = video(scene.frame(0))
    after = video(other.frame(0))
    alone = VideoStylizer(painter, TemporalOptions(smooth=0))
    fresh = alone(other.frame(0))
    assert video.cuts == 0
    assert (after - fresh).abs().mean() < 0.1 * (first - fresh).abs().mean()


def test_a_resumed_run_paints_the_same(painter, scene) -> None:
    frames = [scene.frame(t) for t in range(5)]
    whole = VideoStylizer(painter)
    expected = [whole(frame) for frame in frames]
    first = VideoStylizer(painter)
    for frame in frames[:3]:
        first(frame)
    state = {name: value.clone() for name, value in first.state_dict().items()}
    second = VideoStylizer(painter)
    second.load_state_dict(state)
    assert all(torch.equal(second(frame), wanted) for frame, wanted in zip(frames[3:], expected[3:], strict=True))


def test_alpha_and_masks_are_kept(painter, scene) -> None:
    video = VideoStylizer(painter)
    alpha = torch.rand(1, 1, 72, 96)
    mask = torch.zeros(72, 96)
    mask[:, 48:] = 1
    for t in range(3):
        frame = torch.cat([scene.frame(t), alpha], 1)
        painted = video(frame, mask=mask)
        assert torch.equal(painted[:, 3:], alpha)
        assert torch.equal(painted[..., :40], frame[..., :40])
        assert (painted[:, :3, :, 56:] - frame[:, :3, :, 56:]).abs().mean() > 0.02


def test_controls_reach_every_frame(painter, scene) -> None:
    """Where nothing is blended each frame is what the Stylizer makes of it."""
    controls = Controls(stroke_size=2, fine_strength=0.5, color_amount=0.4, palette=texture(9)[None])
    video = VideoStylizer(painter, NEUTRAL)
    for t in range(2):
        wanted = painter(scene.frame(t), None, 0.8, preserve_color="lab", controls=controls)
        assert torch.equal(video(scene.frame(t), None, 0.8, preserve_color="lab", controls=controls), wanted)


def test_neutral_controls_change_no_bit_of_a_film(painter, scene) -> None:
    plain, told = VideoStylizer(painter), VideoStylizer(painter)
    for t in range(3):
        assert torch.equal(plain(scene.frame(t)), told(scene.frame(t), controls=Controls()))


def test_a_strength_map_keeps_its_places_in_blended_films(painter, scene) -> None:
    places = torch.ones(72, 96)
    places[:, :48] = 0
    video = VideoStylizer(painter)
    for t in range(3):
        frame = scene.frame(t)
        painted = video(frame, controls=Controls(strength_map=places))
        torch.testing.assert_close(painted[..., :48], frame[..., :48], rtol=0, atol=1e-6)
        assert (painted[..., 48:] - frame[..., 48:]).abs().mean() > 0.02


def test_strokes_of_a_preview_survive_in_films(painter, scene) -> None:
    """A reference of the frame's own size means strokes as they are."""
    plain, told = VideoStylizer(painter), VideoStylizer(painter)
    controls = Controls(stroke_reference_px=96)
    for t in range(2):
        assert torch.equal(plain(scene.frame(t)), told(scene.frame(t), controls=controls))


def test_linear_light_is_painted_as_display_values(painter, scene) -> None:
    shown, light = VideoStylizer(painter), VideoStylizer(painter)
    for t in range(2):
        frame = scene.frame(t)
        linear = light(srgb_to_linear(frame), controls=Controls(encoding="linear"))
        torch.testing.assert_close(linear_to_srgb(linear), shown(frame), rtol=0, atol=1e-3)  # a choice can tip


def test_a_change_of_size_is_a_cut(painter) -> None:
    video = VideoStylizer(painter)
    video(torch.rand(1, 3, 40, 40))
    assert video(torch.rand(1, 3, 48, 40)).shape == (1, 3, 48, 40)
    assert video.cuts == 1
    assert video(torch.rand(1, 3, 1, 1)).shape == (1, 3, 1, 1)


class Chaos:
    """Paints every frame in other strokes: noise around a grey that is the photo's mean."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, height: int, width: int) -> torch.Tensor:
        noise = torch.rand(1, 3, height, width, generator=self.generator)
        return F.avg_pool2d(noise, 3, 1, 1) * 0.5 + 0.25


def run_coats(layer: coats.Coats, frames: int, height: int = 96, width: int = 128) -> list[torch.Tensor]:
    """What a film of a photo that does not move shows."""
    chaos, photo = Chaos(), torch.full((1, 3, height, width), 0.5)
    one, still = torch.ones(1, 1, height, width), torch.zeros(1, 2, height, width)
    shown = []
    for t in range(frames):
        if t:
            layer.follow(still, one, (False, False))
        shown.append(layer.over(chaos(height, width), photo, one, (False, False)))
    return shown


def test_of_the_picture_the_promised_share_is_painted_anew_in_every_frame() -> None:
    """What is painted anew differs by about the strokes' deviation, what keeps its paint by what resampling does."""
    shown = run_coats(coats.Coats(0.2), 16)
    for before, now in itertools.pairwise(shown[5:]):
        share = float(((now - before).abs().amax(1) > 0.05).double().mean())
        assert 0.12 < share < 0.3, share


def test_paint_is_chosen_and_keeps_its_contrast() -> None:
    """Every frame is as lively as the network's own paintings; an average of two would have lost 29 %."""
    first, *shown = run_coats(coats.Coats(0.2), 12)

    def contrast(x: torch.Tensor) -> float:
        return float((x - F.avg_pool2d(x, 9, 1, 4, count_include_pad=False)).std())

    for now in shown:
        assert contrast(now) == pytest.approx(contrast(first), rel=0.05)


def test_paint_that_was_moved_has_the_contrast_of_the_frames_own() -> None:
    """What moving and borders of patches take from strokes is given back, and a style that changes is followed."""
    chaos, photo = Chaos(), torch.full((1, 3, 96, 128), 0.5)
    one, flow = torch.ones(1, 1, 96, 128), torch.full((1, 2, 96, 128), 0.35)
    layer = coats.Coats(0.2)
    for t in range(9):
        if t:
            layer.follow(flow, one, (True, True))
        fresh = (chaos(96, 128) - 0.5) * (1 + 0.02 * t) + 0.5
        shown = layer.over(fresh, photo, one, (True, True))
        assert float(shown.std()) == pytest.approx(float(fresh.std()), rel=0.015)


def test_patches_mix_at_a_border_of_a_pixel_only() -> None:
    """Two paintings in turn, stripes across and down: nearly every pixel shows one of them."""
    wave = 0.5 + 0.2 * torch.sin(torch.arange(192.0) * 2 * torch.pi / 6)
    pair = [stripes.expand(1, 3, 192, 192) for stripes in (wave.view(1, -1), wave.view(-1, 1))]
    layer, photo, one = coats.Coats(0.125), torch.full((1, 3, 192, 192), 0.5), torch.ones(1, 1, 192, 192)
    mixed = []
    for t in range(24):
        if t:
            layer.follow(torch.zeros(1, 2, 192, 192), one, (True, True))
        shown = layer.over(pair[t // 8 % 2], photo, one, (True, True))
        nearest = torch.stack([(shown - painting).abs() for painting in pair]).amin(0)
        mixed.append(float((nearest > 0.03).double().mean()))
    assert max(mixed[9:]) < 0.02


def test_a_blend_of_nearly_nothing_is_nearly_every_frame_for_itself() -> None:
    chaos = Chaos()
    for now in run_coats(coats.Coats(1.0), 4):
        torch.testing.assert_close(now, chaos(96, 128), rtol=0, atol=0.03)


def test_patches_come_one_after_the_other() -> None:
    field = coats.patches(90, 130)
    torch.testing.assert_close(field.flatten().sort().values, (torch.arange(90 * 130) + 0.5) / (90 * 130))
    assert torch.equal(field, coats.patches(90, 130))
    over_the_border = (field[..., 0] - field[..., -1]).abs().mean()
    assert over_the_border <= 1.5 * field.diff(dim=3).abs().mean((0, 1, 2)).max()


def test_tones_are_the_frames_own(painter, scene) -> None:
    """Light that changes slowly is followed at once, although the strokes are old."""
    layer = coats.Coats(0.05)
    photo, one = torch.full((1, 3, 64, 64), 0.5), torch.ones(1, 1, 64, 64)
    strokes = Chaos()(64, 64)
    layer.over(strokes, photo, one, (False, False))
    for t in range(1, 6):
        layer.follow(torch.zeros(1, 2, 64, 64), one, (False, False))
        lighter = Chaos(t)(64, 64) + 0.04 * t
        shown = layer.over(lighter, photo, one, (False, False))
        assert float((shown - lighter).mean().abs()) < 0.005


def test_moving_in_strips_is_moving_the_whole(monkeypatch) -> None:
    picture = texture(5)[None, :, :97, :50]
    flow = torch.rand(1, 2, 97, 50) * 9 - 4
    for wrap in ((False, False), (True, False), (True, True)):
        whole = sharp.carried(sharp.doubled(picture, wrap), flow, 0, 97, wrap)
        monkeypatch.setattr(sharp, "STRIP_ROWS", 10)
        twice = sharp.doubled(picture, wrap)
        parts = torch.cat([sharp.carried(twice, flow, first, 10, wrap) for first in range(0, 97, 10)], 2)
        monkeypatch.undo()
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrap", [(False, False), (True, False), (True, True)])
def test_paint_is_moved_as_the_flow_says_and_stays_sharp(wrap) -> None:
    """Against waves, whose values are known everywhere; 0.36 periods a pixel, where bicubic alone leaves 60 %."""
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")

    def waves(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (0.5 + 0.2 * torch.sin(2 * torch.pi * 23 / 64 * x) + 0.2 * torch.cos(2 * torch.pi * 5 / 48 * y))[
            None, None
        ]

    flow = torch.tensor([2.5, -1.3]).view(1, 2, 1, 1).expand(1, 2, 48, 64)
    moved = sharp.carried(sharp.doubled(waves(x, y), wrap), flow, 0, 48, wrap)
    inside = (..., slice(8, -8), slice(8, -8)) if not all(wrap) else ...
    if wrap == (True, False):
        inside = (..., slice(8, -8), slice(None))
    torch.testing.assert_close(moved[inside], waves(x + 2.5, y - 1.3)[inside], rtol=0, atol=0.02)


def test_the_cameras_motion_is_found_under_a_passing_object() -> None:
    """Pan, zoom and rotation with noise on them, and a fifth of the picture that goes its own way."""
    y, x = torch.meshgrid(torch.arange(72.0) - 35.5, torch.arange(96.0) - 47.5, indexing="ij")
    truth = torch.stack([2.3 + 0.01 * x - 0.006 * y, -0.7 + 0.006 * x + 0.01 * y])[None]
    noisy = truth + torch.randn(1, 2, 72, 96, generator=torch.Generator().manual_seed(3)) * 0.1
    noisy[..., 20:55, 10:50] += torch.tensor([3.0, -2.0]).view(1, 2, 1, 1)
    found = camera_flow(noisy, torch.ones(1, 1, 72, 96))
    assert (found - truth).norm(dim=1).max() < 0.05
    pan = camera_flow(truth, torch.ones(1, 1, 72, 96), rigid=False)
    torch.testing.assert_close(pan.std((2, 3)), torch.zeros(1, 2))


def test_what_moves_by_itself_keeps_its_flow(scene) -> None:
    """Flow that is exact everywhere: the camera's replaces it behind the object, and not on it."""
    now, before = scene.frame(3), scene.frame(2)
    truth, seen = scene.flow(3, 2)
    steady = steadied(now, before, truth, seen.float())
    assert (steady - truth).norm(dim=1, keepdim=True)[seen].quantile(0.95) < 0.3
    noisy = truth + torch.randn(truth.shape, generator=torch.Generator().manual_seed(4)) * 0.1
    steady = steadied(now, before, noisy, seen.float())
    assert (steady - truth).norm(dim=1, keepdim=True)[seen].median() < 0.04


@pytest.mark.parametrize("soft", [coats.SOFT, 0.1])
@pytest.mark.parametrize("wrap", ["x", "both", "panorama"])
def test_films_that_go_around_know_no_border(wrap, soft, make_fixed, monkeypatch) -> None:
    """A camera that turns: the same film, begun elsewhere, is the same painting, rolled."""
    monkeypatch.setattr(coats, "SOFT", soft)
    half = coats.patches(64, 64)
    monkeypatch.setattr(coats, "patches", lambda height, width: torch.cat([half, half], 3))  # the same when rolled
    painter = Stylizer(make_fixed("batch"), "cpu", "exact")
    noise = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(7))
    photo = F.avg_pool2d(F.pad(noise, (2, 2, 2, 2), mode="circular"), 5, 1)
    photo = ((photo - photo.mean()) * 3 + 0.5).clamp(0, 1)
    controls = Controls(wrap=wrap)
    straight, turned = (VideoStylizer(painter, TemporalOptions(blend=0.6)) for _ in range(2))
    for t in range(4):
        frame = photo.roll(-3 * t, 3)
        here, there = straight(frame, controls=controls), turned(frame.roll(64, 3), controls=controls)
        if wrap != "panorama":  # the discs of the poles turn with it
            difference = (there - here.roll(64, 3)).abs().flatten()
            assert difference.quantile(0.999) < 4e-3
            assert difference.max() < 0.02  # a border of patches is steep: where it lies, a pixel can tip
            if soft == 0.1:  # a border that is not steep tips none
                torch.testing.assert_close(there, here.roll(64, 3), rtol=0, atol=4e-3)
        over = (here[..., 0] - here[..., -1]).abs().mean()
        assert over <= here.diff(dim=3).abs().mean((0, 1, 2)).max()
    assert straight.cuts == 0


def test_curves_drive_the_styles(make_conditional, scene) -> None:
    model = make_conditional("waves", "dots")
    stylizer = Stylizer(model, "cpu", "exact")
    curve = StyleCurve([Keyframe(0, {"waves": 1}), Keyframe(4, {"dots": 1}, strength=0.5)])

    def layers(weights):
        return [StyleLayer(name, weight) for name, weight in weights.items()]

    film = FilmPainter(VideoStylizer(stylizer, NEUTRAL), curve=curve, selection=layers)
    for t in range(5):
        wanted = stylizer(scene.frame(t), {"waves": 1 - t / 4, "dots": t / 4}, 1 - t / 8)
        torch.testing.assert_close(film(scene.frame(t), t), wanted, rtol=0, atol=1e-6)


def test_styles_that_change_at_once_leave_no_old_paint(make_conditional, scene) -> None:
    stylizer = Stylizer(make_conditional("waves", "dots"), "cpu", "exact")
    curve = StyleCurve([Keyframe(0, {"waves": 1}, ease="hold"), Keyframe(3, {"dots": 1})])
    film = FilmPainter(VideoStylizer(stylizer), curve=curve)
    painted = [film(scene.frame(t), t) for t in range(4)]
    torch.testing.assert_close(painted[3], stylizer(scene.frame(3), "dots"), rtol=0, atol=1e-5)
    assert film.video.cuts == 0


def test_paint_is_not_carried_into_a_mask_by_what_lay_outside(painter) -> None:
    """The camera pans over a mask that stands still: what comes into it is painted at once."""
    still = moving_scene.MovingScene(texture(1), None, 72, 96, pan=(4.0, 0.0), zoom=1.0, turn=0.0)
    mask = torch.zeros(72, 96)
    mask[:, :60] = 1  # the scene moves left, into it
    video = VideoStylizer(painter)
    alone = VideoStylizer(painter, TemporalOptions(blend=0))
    for t in range(4):
        painted, fresh = (each(still.frame(t), mask=mask) for each in (video, alone))
    torch.testing.assert_close(painted[..., 50:], fresh[..., 50:], rtol=0, atol=1e-5)
    assert (painted - fresh)[..., 8:40].abs().mean() > 0.002


@pytest.mark.parametrize("wrong", [{"blend": 1.0}, {"smooth": -0.1}, {"cut": float("nan")}, {"flow": "farneback"}])
def test_options_out_of_range_are_explained(wrong) -> None:
    with pytest.raises(ConfigError):
        TemporalOptions(**wrong)
