"""Small clips made with PyAV, and painters whose every frame can be told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

av = pytest.importorskip("av")

HEIGHT, WIDTH = 64, 96


def write_clip(
    path: Path,
    frames: int = 20,
    *,
    sound: bool = True,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    codec: str = "libx264",
    pts: list[int] | None = None,
) -> Path:
    """A pattern that moves right, 10 frames a second, with a tone."""
    height, width = size
    base = np.random.default_rng(5).integers(0, 256, (height // 8 + 1, width // 8 + 20, 3), np.uint8)
    base = base.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=10, options={"crf": "10"})
        video.width, video.height = width, height
        video.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        tone = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for index in range(frames):
            picture = np.ascontiguousarray(base[:height, index * 2 : index * 2 + width])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (pts[index] if pts else index * 100), Fraction(1, 1000)
            out.mux(video.encode(frame))
            if tone is not None:
                time = np.arange(index * 1600, (index + 1) * 1600) / 16000
                samples = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None]
                chunk = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts, chunk.time_base = 16000, index * 1600, Fraction(1, 16000)
                out.mux(tone.encode(chunk))
        out.mux(video.encode(None))
        if tone is not None:
            out.mux(tone.encode(None))
    return path


def read_clip(path: Path) -> tuple[torch.Tensor, list[Fraction], list[tuple[int, bytes]]]:
    """Frames (N, H, W, 3), their times, and the packets of the sound."""
    with av.open(str(path)) as media:
        decoded = [(f.to_ndarray(format="rgb24"), f.pts * f.time_base) for f in media.decode(video=0)]
    with av.open(str(path)) as media:
        packets = [p for p in media.demux(media.streams.audio) if p.dts is not None] if media.streams.audio else []
        sound = [(p.pts, bytes(p)) for p in packets]
    return torch.from_numpy(np.stack([f for f, _ in decoded])), [t for _, t in decoded], sound


class Trail:
    """Remembers: each painting is half the last one, which shows whether a resumed run knows its past."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.last: torch.Tensor | None = None
        self.stop_at = stop_at
        self.seen: list[int] = []

    def __call__(self, frame: torch.Tensor, index: int) -> torch.Tensor:
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(index)
        self.last = frame if self.last is None else (frame + self.last) / 2
        return self.last.clone()

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {} if self.last is None else {"last": self.last}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.last = state["last"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4")


@pytest.fixture
def make_clip():
    return write_clip


@pytest.fixture
def decoded():
    return read_clip


@pytest.fixture
def trail():
    return Trail
