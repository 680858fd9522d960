"""A picture file in memory: pixels, and what must survive the way to the next file."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Picture:
    """What `read_picture` gives and `write_picture` takes."""

    image: Tensor
    """(1, 3 or 4, H, W), float32, upright, 0..1; linear light may be brighter."""
    bit_depth: int = 8
    """8, 16 or 32: of the file it came from."""
    icc_profile: bytes | None = None
    """Only RGB profiles: the pixels are RGB, whatever the file held."""
    exif: bytes | None = None
    """TIFF structure without the `Exif\\0\\0` prefix; its orientation is 1."""
    format: str = ""
    """Pillow's name of the source format: JPEG, PNG, WEBP, TIFF, …"""
    linear: bool = False
    """Whether the pixels are light instead of display values: EXR."""
