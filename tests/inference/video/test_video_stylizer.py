"""Frames that know of each other: neutral, smoothed, moved along, cut, resumed."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.architectures import build_network
from brushwork.core.architectures._statistics import painting_pass
from brushwork.core.color.lab import linear_to_srgb, srgb_to_linear
from brushwork.core.errors import ConfigError
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.video import FilmPainter, Keyframe, StyleCurve, TemporalOptions, VideoStylizer, blend
from brushwork.core.inference.video.anchor import Anchor
from brushwork.core.inference.video.blend import blend_paint
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
    assert ratio < 0.5, f"warping error × {ratio:.2f}"


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
    alone._anchor.position = video._anchor.position  # painted on the same grid
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


def test_strokes_of_a_preview_survive_the_added_rows(painter, scene) -> None:
    """A reference of the frame's own size means strokes as they are, although rows and columns are added."""
    plain, told = VideoStylizer(painter), VideoStylizer(painter)
    controls = Controls(stroke_reference_px=96)
    for t in range(2):
        assert torch.equal(plain(scene.frame(t)), told(scene.frame(t), controls=controls))


def test_linear_light_is_painted_as_display_values(painter, scene) -> None:
    shown, light = VideoStylizer(painter), VideoStylizer(painter)
    for t in range(2):
        frame = scene.frame(t)
        linear = light(srgb_to_linear(frame), controls=Controls(encoding="linear"))
        torch.testing.assert_close(linear_to_srgb(linear), shown(frame), rtol=0, atol=1e-4)


def test_a_change_of_size_is_a_cut(painter) -> None:
    video = VideoStylizer(painter)
    video(torch.rand(1, 3, 40, 40))
    assert video(torch.rand(1, 3, 48, 40)).shape == (1, 3, 48, 40)
    assert video.cuts == 1
    assert video(torch.rand(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def test_blending_keeps_the_contrast_of_strokes_that_do_not_coincide() -> None:
    fresh, past = texture(11)[None], texture(12)[None]
    mixed = blend_paint(fresh, past, torch.full((1, 1, 160, 160), 0.6))
    plain = torch.lerp(fresh, past, 0.6)

    def contrast(x: torch.Tensor) -> float:
        return float((x - F.avg_pool2d(x, 9, 1, 4, count_include_pad=False)).std())

    assert contrast(plain) < 0.8 * contrast(fresh)
    assert contrast(mixed) > 0.88 * contrast(fresh)
    untouched = blend_paint(fresh, past, torch.zeros(1, 1, 160, 160))
    assert torch.equal(untouched, fresh)


def test_blending_in_strips_is_blending_the_whole(monkeypatch) -> None:
    fresh, past, share = (texture(seed)[None, :, :97, :50] for seed in (5, 6, 7))
    share = (share[:, :1] - 0.3).clamp(0, 1)
    whole = blend_paint(fresh, past, share)
    monkeypatch.setattr(blend, "STRIP_ROWS", 10)
    torch.testing.assert_close(blend_paint(fresh, past, share), whole, rtol=0, atol=1e-6)


def cells(photo: torch.Tensor, _code) -> torch.Tensor:
    """A network whose paint depends on where a thing lies in its cell, and on nothing else."""
    rows, columns = (torch.arange(size) % 4 for size in photo.shape[-2:])
    return (photo * 0.5 + 0.1 * (rows[:, None] == 2) + 0.2 * (columns == 1)).clamp(0, 1)


@pytest.mark.parametrize("factor", [1, 2])
def test_the_anchor_holds_the_cells_on_the_scene(factor) -> None:
    """A pan of whole pixels is painted in the same strokes; so it is in octaves of half the size."""
    anchor = Anchor()
    wide = torch.rand(1, 3, 40, 96)
    before, first = 0, None
    for x in (0, 3, 5, 10):  # the camera moves right, so the scene moves left
        back = torch.zeros(1, 2, 40 * factor, 48 * factor)
        back[:, 0] = (x - before) * factor
        before = x
        anchor.follow(back, torch.ones_like(back[:, :1]))
        painted = anchor.around(cells, 40 * factor, 48 * factor, "none")(wide[..., x : x + 48], None)
        seen = painted[..., 12 - x : 46 - x]
        first = seen if first is None else first
        torch.testing.assert_close(seen, first, rtol=0, atol=1e-6)


def test_the_anchor_holds_parts_of_a_pixel_and_leaves_the_painting_sharp() -> None:
    """Moved and moved back: what the network did is where it was, and as strong."""
    anchor = Anchor()
    photo = F.avg_pool2d(texture(3)[None, :, :66, :98], 3, 1)
    anchor.position = torch.tensor([-1.37, 2.5], dtype=torch.float64)
    through = anchor.around(lambda picture, _code: picture, 64, 96, "none")(photo, None)
    inside = (..., slice(8, -8), slice(8, -8))
    assert (through - photo)[inside].abs().mean() < 0.02 * photo.std()
    seen: list[torch.Tensor] = []

    def keep(picture: torch.Tensor, _code) -> torch.Tensor:
        seen.append(picture)
        return picture

    anchor.around(keep, 64, 96, "none")(photo, None)
    # 1.37 to the left and 2.5 down are undone, whole cells added
    y, x = torch.arange(20.0, 40.0), torch.arange(20.0, 60.0)
    there = torch.stack(torch.meshgrid((x - 1.37 + 0.5) / 48 - 1, (y + 2.5 - 4 + 0.5) / 32 - 1, indexing="xy"), -1)
    wanted = F.grid_sample(photo, there[None], mode="bicubic", align_corners=False)
    torch.testing.assert_close(seen[0][..., 20:40, 20:60], wanted, rtol=0, atol=0.04)


@pytest.mark.parametrize("wrap", ["x", "both", "panorama"])
def test_films_that_go_around_know_no_border(wrap, make_fixed) -> None:
    """A camera that turns: the same film, begun elsewhere, is the same painting, rolled."""
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
            torch.testing.assert_close(there, here.roll(64, 3), rtol=0, atol=2e-3)
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


@pytest.mark.parametrize("wrong", [{"blend": 1.0}, {"smooth": -0.1}, {"cut": float("nan")}, {"flow": "farneback"}])
def test_options_out_of_range_are_explained(wrong) -> None:
    with pytest.raises(ConfigError):
        TemporalOptions(**wrong)
