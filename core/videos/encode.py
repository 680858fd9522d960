"""Encoding frames: the one place that knows codecs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError
from ._pyav import pyav
from .read import BT709

CODECS = {
    ".mp4": ("libx264", "h264_videotoolbox", "h264_mf", "mpeg4"),
    ".mov": ("libx264", "h264_videotoolbox", "h264_mf", "mpeg4"),
    ".mkv": ("libx264", "ffv1"),
    ".webm": ("libvpx-vp9", "libvpx"),
    ".avi": ("mpeg4",),
}
"""Suffix → codecs, the first that this build of FFmpeg has."""

QUALITY_OPTIONS = {"libx264": "crf", "libx265": "crf", "libvpx-vp9": "crf", "libsvtav1": "crf", "libaom-av1": "crf"}
LIMITED_RANGE = 1


@dataclass(frozen=True)
class Encoding:
    """How frames are stored."""

    suffix: str
    """Of the file: .mp4, .mov, .mkv, .webm, .avi."""
    codec: str = "auto"
    """FFmpeg's name, or auto."""
    crf: int = 18
    """Constant rate factor, 0..51: smaller is better and larger; 18 is visually lossless in H.264."""

    def __post_init__(self) -> None:
        suffix = self.suffix.lower()
        object.__setattr__(self, "suffix", suffix)
        if suffix not in CODECS:
            raise ConfigError(
                f"Videos cannot be written as `{suffix}`.",
                expected=" ".join(CODECS),
                got=suffix or "no suffix",
                do="Name an output such as painted.mp4.",
            )
        if not 0 <= self.crf <= 51:
            raise ConfigError("crf is out of range.", expected="0 to 51", got=str(self.crf), do="18 is a good value.")
        if self.codec == "auto":
            found = next((name for name in CODECS[suffix] if _has_encoder(name)), None)
            object.__setattr__(self, "codec", found or CODECS[suffix][0])
        if not _has_encoder(self.codec):
            raise ConfigError(
                f"This build of PyAV has no encoder `{self.codec}`.",
                expected="an encoder that `ffmpeg -encoders` lists, such as libx264 or mpeg4",
                got=self.codec,
                do="Choose another --codec, or leave it out.",
            )

    def configure(self, context: Any, height: int, width: int, rate: Fraction, time_base: Fraction) -> None:
        """Set up a codec context. The same arguments give the same headers, which is what joins segments."""
        context.width, context.height = width, height
        # half-resolution colour needs even sides
        context.pix_fmt = "yuv420p" if height % 2 == 0 and width % 2 == 0 else "yuv444p"
        context.framerate, context.time_base = rate, time_base
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        if self.codec in QUALITY_OPTIONS:
            context.options = {QUALITY_OPTIONS[self.codec]: str(self.crf)}
            if self.codec == "libx264":
                # x264's macroblock tree with AVX-512 gives another file every time, and a resumed film must be the same
                context.options = {**context.options, "x264-params": "mbtree=0"}
            if self.codec == "libvpx-vp9":
                context.bit_rate = 0  # else crf is only a bound
        elif self.codec not in ("ffv1",):
            context.bit_rate = max(500_000, round(height * width * float(rate) * 0.25))


def _has_encoder(name: str) -> bool:
    av = pyav()
    try:
        av.codec.Codec(name, "w")
    except (av.FFmpegError, ValueError):
        return False
    return True


def to_video_frame(image: Tensor, pix_fmt: str, pts: int, time_base: Fraction) -> Any:
    """(1, 3, H, W), float 0..1 → a frame in the codec's format, BT.709."""
    av = pyav()
    pixels = image[0].movedim(0, -1).mul(255).round_().clamp_(0, 255).to(torch.uint8).contiguous().cpu().numpy()
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt, dst_colorspace=BT709)
    frame.pts, frame.time_base = pts, time_base
    frame.colorspace, frame.color_range = BT709, LIMITED_RANGE
    return frame
