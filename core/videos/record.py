"""A film written while it happens: what `brushwork live` keeps."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from ..files import atomic_path
from ._pyav import pyav
from .encode import Encoding, to_video_frame

TIME_BASE = Fraction(1, 1000)
"""Frames of a camera come when they come: their times are kept, in milliseconds."""


class Recorder:
    """Encodes frame after frame into one file. Use as a context manager.

    However the block ends, by Ctrl-C too, the frames until then become a film that plays; without any there is no file.

    Args:
        target: The file.
        encoding: Codec and quality.
        rate: Frames a second, about; times are kept as they are given.
    """

    def __init__(self, target: Path, encoding: Encoding, rate: Fraction) -> None:
        self.target, self.encoding, self.rate = target, encoding, rate
        self._open = contextlib.ExitStack()
        self._out: Any = None
        self._stream: Any = None
        self._last = -1

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._out is not None:
            self._out.mux(self._stream.encode(None))
        self._open.close()

    def add(self, image: Tensor, seconds: float) -> None:
        """Encode a frame (1, 3, H, W), 0..1, of the first one's size, shown `seconds` after the first.

        Raises:
            BrushworkError: The file cannot be written.
        """
        out = self._out or self._begin(image.shape[-2], image.shape[-1])
        pts = max(self._last + 1, round(seconds / TIME_BASE))
        self._last = pts
        frame = to_video_frame(image, self._stream.codec_context.pix_fmt, pts, TIME_BASE)
        out.mux(self._stream.encode(frame))

    def _begin(self, height: int, width: int) -> Any:
        av = pyav()
        temporary = self._open.enter_context(atomic_path(self.target))
        self._out = self._open.enter_context(av.open(str(temporary), "w"))
        self._stream = self._out.add_stream(self.encoding.codec, rate=self.rate)
        self.encoding.configure(self._stream.codec_context, height, width, self.rate, TIME_BASE)
        self._stream.time_base = TIME_BASE
        return self._out
