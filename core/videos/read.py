"""Reading a video: frames as pictures, upright, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ImageError
from ._pyav import pyav, unreadable

BT709, UNSPECIFIED, BT601 = 1, 2, 5
"""FFmpeg's numbers of the YCbCr matrices."""
HD_HEIGHT = 720
"""A file that does not name its matrix has BT.709 from here on, BT.601 below: what players assume."""


@dataclass(frozen=True)
class VideoFrame:
    """One decoded frame."""

    image: Tensor
    """(1, 3, H, W), uint8, RGB, upright."""
    pts: int
    """Presentation time in units of the file's `time_base`."""


class VideoFile:
    """A video that PyAV opens. Use as a context manager.

    Args:
        source: Path, device or address.
        format: FFmpeg's name of the input format, for devices: v4l2, avfoundation, dshow.
        options: FFmpeg's options, such as {"video_size": "640x360"}.

    Raises:
        ImageError: No such file, or none with a video in it.
    """

    def __init__(self, source: str | Path, format: str | None = None, options: dict[str, str] | None = None) -> None:
        av = pyav()
        self.source = str(source)
        try:
            self._container: Any = av.open(self.source, format=format, options=options or {})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unreadable(self.source, error) from error
        if not self._container.streams.video:
            self._container.close()
            raise ImageError(
                f"{self.source} has no video stream.",
                expected="a video",
                got=", ".join(stream.type for stream in self._container.streams) or "no stream at all",
                do="Use `brushwork stylize` for pictures.",
            )
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def time_base(self) -> Fraction:
        """Seconds a unit of `pts`."""
        return self._stream.time_base

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average; 25 where the file does not say."""
        return self._stream.average_rate or self._stream.guessed_rate or Fraction(25)

    @property
    def aspect(self) -> Fraction | None:
        """Width of a pixel over its height, where the file says."""
        return self._stream.codec_context.sample_aspect_ratio

    @property
    def frames(self) -> int | None:
        """Number of frames, counted by the container or estimated from the duration; None for live sources."""
        if self._stream.frames:
            return self._stream.frames
        if self._stream.duration and self.time_base:
            return max(1, round(self._stream.duration * self.time_base * self.rate))
        duration = self._container.duration  # microseconds
        return max(1, round(Fraction(duration, 1_000_000) * self.rate)) if duration else None

    def __iter__(self) -> Iterator[VideoFrame]:
        """All frames in order of presentation."""
        return self.frames_from(0)

    def frames_from(self, start: int) -> Iterator[VideoFrame]:
        """Frames in order of presentation, without the first `start`, which are decoded but not converted.

        Raises:
            ImageError: The file is damaged.
        """
        av = pyav()
        step = max(1, round(1 / (self.rate * self.time_base)))
        last: int | None = None
        try:
            for index, frame in enumerate(self._container.decode(self._stream)):
                pts = frame.pts if frame.pts is not None else 0 if last is None else last + step
                if last is not None and pts <= last:
                    pts = last + 1  # broken files repeat times; encoders refuse that
                last = pts
                if index >= start:
                    yield VideoFrame(_upright(frame), pts)
        except av.FFmpegError as error:
            raise unreadable(self.source, error) from error


def _upright(frame: Any) -> Tensor:
    matrix = int(frame.colorspace)
    if matrix == UNSPECIFIED:
        matrix = BT709 if frame.height >= HD_HEIGHT else BT601
    pixels = frame.to_ndarray(format="rgb24", src_colorspace=matrix)
    image = torch.from_numpy(pixels).movedim(-1, 0)[None]
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4  # of phones held upright
    return torch.rot90(image, quarter_turns, (2, 3)).contiguous() if quarter_turns else image.contiguous()
