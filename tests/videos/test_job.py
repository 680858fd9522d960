"""Films from file to file: what is kept, and that a stopped run goes on as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.errors import ConfigError, ImageError
from brushwork.core.videos import Encoding, VideoFile, VideoJob


def job(clip: Path, out: Path, **options) -> VideoJob:
    return VideoJob(clip, out, Encoding(out.suffix, crf=10), segment_frames=6, **options)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_frames_times_and_sound_are_kept(clip, tmp_path, decoded, trail, suffix) -> None:
    out = tmp_path / f"out{suffix}"
    painter = trail()
    assert job(clip, out).run(painter) == 20
    frames, times, sound = decoded(out)
    source, source_times, source_sound = decoded(clip)
    assert painter.seen == list(range(20))
    # Matroska has no negative times: where the sound begins before the picture all moves together
    assert [time - times[0] for time in times] == source_times
    assert [data for _, data in sound] == [data for _, data in source_sound]
    expected = [source[0].float()]
    for frame in source[1:]:
        expected.append((frame.float() + expected[-1]) / 2)
    # twice through 4:2:0 at a good quality
    assert (frames.float() - torch.stack(expected)).abs().mean() < 6
    assert not (tmp_path / f"out{suffix}.parts").exists()


def test_colours_come_back(tmp_path, make_clip, decoded) -> None:
    """A matrix that is forgotten on the way shifts colours by 10 and more."""
    clip = make_clip(tmp_path / "clip.mkv", 3, sound=False)

    class Same:
        def __call__(self, frame, index):
            del index
            self.seen = frame
            return frame

        def state_dict(self):
            return {}

    painter = Same()
    VideoJob(clip, tmp_path / "out.mkv", Encoding(".mkv", "ffv1")).run(painter)
    with VideoFile(tmp_path / "out.mkv") as video:
        last = [frame.image.float() / 255 for frame in video][-1]
    assert (last - painter.seen).mean((0, 2, 3)).abs().max() < 2.5 / 255


def test_a_stopped_run_goes_on_as_if_it_had_not_been(clip, tmp_path, decoded, trail) -> None:
    job(clip, tmp_path / "whole.mp4").run(trail())
    out = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        job(clip, out).run(trail(stop_at=15))
    assert not out.exists()
    again = trail()
    job(clip, out).run(again)
    assert again.seen == list(range(12, 20))
    whole, resumed = decoded(tmp_path / "whole.mp4"), decoded(out)
    assert torch.equal(whole[0], resumed[0])
    assert whole[1:] == resumed[1:]


def test_other_choices_or_another_source_start_anew(clip, tmp_path, make_clip, trail) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        job(clip, out, choices="a").run(trail(stop_at=15))
    other = trail(stop_at=8)
    with pytest.raises(KeyboardInterrupt):
        job(clip, out, choices="b").run(other)
    assert other.seen[0] == 0
    make_clip(clip, 18)
    changed = trail()
    job(clip, out, choices="b").run(changed)
    assert changed.seen == list(range(18))


def test_odd_sizes_uneven_times_and_no_sound(tmp_path, make_clip, decoded, trail) -> None:
    times = [0, 100, 130, 400, 410, 420, 430, 800, 805, 900, 1500, 1501, 1502, 1900]
    clip = make_clip(tmp_path / "clip.mp4", len(times), sound=False, size=(41, 53), pts=times)
    out = tmp_path / "out.mp4"
    replace(job(clip, out), segment_frames=5).run(trail())
    frames, found, _ = decoded(out)
    assert frames.shape == (14, 41, 53, 3)
    assert found == decoded(clip)[1]


def test_the_first_frames_only(clip, tmp_path, decoded, trail) -> None:
    out = tmp_path / "out.mp4"
    assert job(clip, out, frames=7).run(trail()) == 7
    frames, _, sound = decoded(out)
    assert len(frames) == 7
    assert 0 < len(sound) < len(decoded(clip)[2]) / 2


def test_progress_begins_where_the_last_run_stopped(clip, tmp_path, trail) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        job(clip, out).run(trail(stop_at=7))
    steps = []
    job(clip, out).run(trail(), lambda done, total: steps.append((done, total)))
    assert steps == [(done, 20) for done in range(6, 21)]


def test_bad_files_are_explained(tmp_path, clip, trail) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(ImageError, match="cannot be read as a video"):
        VideoJob(text, tmp_path / "out.mp4", Encoding(".mp4"), sound=False).run(trail())
    with pytest.raises(ConfigError, match="cannot be written"):
        Encoding(".gif")
    with pytest.raises(ConfigError, match="would be overwritten"):
        job(clip, clip)
