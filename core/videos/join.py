"""The finished film: video from the segments, sound as it is in the source."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..files import atomic_path
from ._pyav import pyav
from .encode import Encoding
from .segments import Picture, read_packets


def check_audio(source: str, encoding: Encoding) -> None:
    """Find out before hours of painting whether the container takes the source's sound.

    Raises:
        ConfigError: It does not.
    """
    av = pyav()
    with tempfile.TemporaryDirectory() as folder, av.open(source) as media:
        for stream in media.streams.audio:
            try:
                with av.open(str(Path(folder) / f"probe{encoding.suffix}"), "w") as out:
                    out.add_stream_from_template(stream)
                    out.start_encoding()
            except (av.FFmpegError, ValueError) as error:
                raise ConfigError(
                    f"A {encoding.suffix} file cannot hold the sound of {source} as it is.",
                    expected="a container that takes this codec; .mkv takes nearly all",
                    got=stream.codec_context.name,
                    do="Write to a file that ends in .mkv, or leave the sound out.",
                ) from error


def join(
    target: Path,
    segments: list[Path],
    encoding: Encoding,
    picture: Picture,
    *,
    aspect: Fraction | None,
    sound_of: str | None,
    until: Fraction | None = None,
) -> None:
    """Write the film, atomically; nothing is encoded again.

    Args:
        target: Where to.
        segments: In order.
        encoding: As they were encoded.
        picture: As they were encoded.
        aspect: Width of a pixel over its height.
        sound_of: File whose audio streams are copied, packet for packet; None: silent.
        until: Second at which the sound ends; None: where it ends.
    """
    av = pyav()
    with atomic_path(target) as temporary, av.open(str(temporary), "w") as out:
        video = out.add_stream(encoding.codec, rate=picture.rate)
        encoding.configure(video.codec_context, picture.height, picture.width, picture.rate, picture.time_base)
        video.codec_context.flags |= av.codec.context.Flags.global_header
        video.time_base = picture.time_base
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        packets = read_packets(segments, picture.time_base)
        if sound_of is None:
            _mux(out, _on(video, packets))
            return
        with av.open(sound_of) as media:
            streams = {stream.index: out.add_stream_from_template(stream) for stream in media.streams.audio}
            out.start_encoding()
            sound = _sound(media, streams, until) if streams else iter(())
            _mux(out, heapq.merge(_on(video, packets), sound, key=lambda entry: entry[0]))


Timed = tuple[Fraction, Any]
"""Decoding time in seconds, packet."""


def _mux(out: Any, packets: Iterator[Timed]) -> None:
    for _, packet in packets:
        out.mux(packet)


def _on(stream: Any, packets: Iterator[Any]) -> Iterator[Timed]:
    for packet in packets:
        packet.stream = stream
        yield packet.dts * packet.time_base, packet


def _sound(media: Any, streams: dict[int, Any], until: Fraction | None) -> Iterator[Timed]:
    for packet in media.demux(list(media.streams.audio)):
        if packet.dts is None:  # the demuxer's end mark
            continue
        time = packet.dts * packet.time_base
        if until is None or time < until:
            packet.stream = streams[packet.stream.index]
            yield time, packet
