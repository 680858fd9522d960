"""Encoded packets on disk: a film in pieces that begin with a keyframe and are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files import atomic_path
from ._pyav import pyav
from .encode import Encoding, to_video_frame


@dataclass(frozen=True)
class Picture:
    """What all frames of a film have in common."""

    height: int
    width: int
    rate: Fraction
    time_base: Fraction


class SegmentEncoder:
    """Encodes the frames of one segment in memory.

    Args:
        encoding: Codec and quality.
        picture: Size and clock.
    """

    def __init__(self, encoding: Encoding, picture: Picture) -> None:
        av = pyav()
        self._picture = picture
        self._context: Any = av.CodecContext.create(encoding.codec, "w")
        encoding.configure(self._context, picture.height, picture.width, picture.rate, picture.time_base)
        self._context.flags |= av.codec.context.Flags.global_header
        self._packets: list[Any] = []
        self.frames = 0

    def add(self, image: Tensor, pts: int) -> None:
        """Encode one frame (1, 3, H, W), 0..1."""
        frame = to_video_frame(image, self._context.pix_fmt, pts, self._picture.time_base)
        self._packets += self._context.encode(frame)
        self.frames += 1

    def write(self, path: Path) -> None:
        """Finish, and write the packets as one file, atomically."""
        from safetensors.torch import save_file

        self._packets += self._context.encode(None)
        data = b"".join(bytes(packet) for packet in self._packets)
        numbers = [
            (packet.size, packet.pts, packet.dts, packet.duration or 0, int(packet.is_keyframe))
            for packet in self._packets
        ]
        tensors = {
            "data": torch.frombuffer(bytearray(data), dtype=torch.uint8),
            "packets": torch.tensor(numbers, dtype=torch.int64),
        }
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)


def read_packets(paths: list[Path], time_base: Fraction) -> Iterator[Any]:
    """The packets of all segments, one segment in memory at a time, decoding times rising across the seams."""
    from safetensors.torch import load_file

    av = pyav()
    last: int | None = None
    for path in paths:
        tensors = load_file(path)
        data = tensors["data"].numpy().tobytes()
        start = 0
        for size, pts, dts, duration, key in tensors["packets"].tolist():
            packet = av.Packet(data[start : start + size])
            start += size
            # with frames of uneven length, a segment's first decoding times can lie before the last one's
            dts = dts if last is None else min(max(dts, last + 1), pts)
            packet.pts, packet.dts, packet.duration, packet.time_base = pts, dts, duration, time_base
            packet.is_keyframe = bool(key)
            last = dts
            yield packet
