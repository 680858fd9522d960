"""A film painted in segments, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ..errors import ConfigError
from ..files import atomic_path
from .encode import Encoding
from .join import check_audio, join
from .read import VideoFile, VideoFrame
from .segments import Picture, SegmentEncoder

STATE = "state.safetensors"


class FramePainter(Protocol):
    """Paints the frames of a film in order, and can be put back to where it was."""

    def __call__(self, frame: Tensor, index: int) -> Tensor:
        """(1, 3, H, W), 0..1, and its number from 0 → painted, of any one size."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next frame depends on."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        ...


@dataclass(frozen=True)
class VideoJob:
    """From file to file.

    Beside the target lies `TARGET.parts/` while the work goes on: a file of encoded packets for every segment, and the
    painter's state behind the last. A rerun with the same source and choices goes on behind it; with others it starts
    anew. A rerun paints and encodes what an uninterrupted run would have, since segments begin at the same frames.
    """

    source: Path
    target: Path
    encoding: Encoding
    choices: str = ""
    """All that the painting depends on besides the source, as text: model, style, options."""
    sound: bool = True
    frames: int | None = None
    """Stop after so many."""
    segment_frames: int = 60
    """Lost at most when a run is killed; each segment begins with a keyframe."""
    parts: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", self.target.with_name(self.target.name + ".parts"))
        if self.source.resolve() == self.target.resolve():
            raise ConfigError(
                f"{self.target} is the input and would be overwritten.",
                expected="another file behind -o",
                got=str(self.target),
                do="Choose another place: the original is the only way back.",
            )
        if self.sound and self.source.exists():
            check_audio(str(self.source), self.encoding)

    def run(self, painter: FramePainter, progress: Callable[[int, int | None], None] | None = None) -> int:
        """Paint what is not painted yet, and join.

        Args:
            painter: In its first state; it is put where the last run was.
            progress: Called with (frames done, frames in all or None) after every frame and once at the start. What
                it raises ends the run; finished segments stay.

        Returns:
            Frames of the film.

        Raises:
            ImageError: The source cannot be read.
            ConfigError: The source has no frame.
        """
        with VideoFile(self.source) as video:
            done, segments = self._resume(painter)
            total = _least(video.frames, self.frames)
            if progress is not None:
                progress(done, total)
            frames = islice(video.frames_from(done), None if self.frames is None else self.frames - done)
            while segment := self._segment(frames, painter, video, done, total, progress, self._path(len(segments))):
                segments.append(segment.path)
                done += segment.frames
                self._save(painter, done, len(segments), segment)
            saved = self._saved()
            if saved is None:
                raise ConfigError(
                    f"{self.source} has no frames.", expected="a video", got="an empty one", do="Check the file."
                )
            until = saved.end * video.time_base if self.frames else None
            sound = str(self.source) if self.sound else None
            join(
                self.target,
                segments,
                self.encoding,
                saved.picture,
                aspect=video.aspect,
                sound_of=sound,
                until=until,
            )
        shutil.rmtree(self.parts)
        return done

    def _segment(
        self,
        frames: Iterator[VideoFrame],
        painter: FramePainter,
        video: VideoFile,
        done: int,
        total: int | None,
        progress: Callable[[int, int | None], None] | None,
        path: Path,
    ) -> _Segment | None:
        """Paint, encode and write the next frames; None where there are none left."""
        encoder: SegmentEncoder | None = None
        picture, end = None, 0
        for frame in islice(frames, self.segment_frames):
            painted = painter(frame.image.float() / 255, done + (encoder.frames if encoder else 0))
            if encoder is None or picture is None:
                picture = Picture(painted.shape[2], painted.shape[3], video.rate, video.time_base)
                encoder = SegmentEncoder(self.encoding, picture)
            encoder.add(painted, frame.pts)
            end = frame.pts + max(1, round(1 / (video.rate * video.time_base)))
            if progress is not None:
                progress(done + encoder.frames, total)
        if encoder is None or picture is None:
            return None
        encoder.write(path)
        return _Segment(path, encoder.frames, picture, end)

    def _path(self, index: int) -> Path:
        return self.parts / f"{index:06d}.safetensors"

    def _fingerprint(self) -> str:
        """Source and choices in one hash: another file of the same name is not gone on with."""
        facts = [self.source.stat().st_size, self.source.stat().st_mtime_ns, self.choices, asdict(self.encoding)]
        facts += [self.frames, self.segment_frames]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _saved(self) -> _Saved | None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.parts / STATE, "pt") as file:
                facts = json.loads((file.metadata() or {})["brushwork"])
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        height, width, rate, time_base = facts["picture"]
        picture = Picture(height, width, Fraction(rate), Fraction(time_base))
        return _Saved(facts["fingerprint"], facts["frames"], facts["segments"], picture, facts["end"], state)

    def _resume(self, painter: FramePainter) -> tuple[int, list[Path]]:
        """Frames that are done and their segments; what belongs to another job is removed."""
        saved = self._saved()
        if saved is not None and saved.fingerprint == self._fingerprint():
            segments = [self._path(index) for index in range(saved.segments)]
            if all(path.exists() for path in segments):
                painter.load_state_dict(saved.state)
                return saved.frames, segments
        shutil.rmtree(self.parts, ignore_errors=True)
        return 0, []

    def _save(self, painter: FramePainter, frames: int, segments: int, last: _Segment) -> None:
        from safetensors.torch import save_file

        picture = last.picture
        facts = {
            "fingerprint": self._fingerprint(),
            "frames": frames,
            "segments": segments,
            "picture": [picture.height, picture.width, str(picture.rate), str(picture.time_base)],
            "end": last.end,
        }
        # copies: safetensors takes no tensor twice, and a frame may be kept for two purposes
        state = {name: value.detach().cpu().clone().contiguous() for name, value in painter.state_dict().items()}
        with atomic_path(self.parts / STATE) as temporary:
            save_file(state, temporary, {"brushwork": json.dumps(facts)})


@dataclass(frozen=True)
class _Segment:
    path: Path
    frames: int
    picture: Picture
    end: int
    """Where the last frame ends, in units of the time base."""


@dataclass(frozen=True)
class _Saved:
    fingerprint: str
    frames: int
    segments: int
    picture: Picture
    end: int
    state: dict[str, Tensor]


def _least(*numbers: int | None) -> int | None:
    given = [number for number in numbers if number is not None]
    return min(given) if given else None
