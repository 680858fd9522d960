"""EXIF and ICC: what is carried from one picture file to the next."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Description, make, model, software, date, artist, copyright: what a TIFF says about the picture itself."""

PREFIX = b"Exif\0\0"


def read_orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or it is nonsense. Call before the pixels are loaded."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, struct.error, KeyError, TypeError):
        return 1  # a damaged EXIF block must not cost the user the picture
    return value if value in range(1, 9) else 1


def read_exif(image: Image.Image) -> bytes | None:
    """The EXIF block as a TIFF structure with orientation 1, or None; a damaged block is dropped."""
    from PIL import Image as Pillow

    raw = image.info.get("exif")
    if isinstance(raw, bytes) and image.format != "TIFF":
        return _with_orientation_1(raw.removeprefix(PREFIX))
    try:
        source, exif = image.getexif(), Pillow.Exif()
        for tag in DESCRIPTIVE_TAGS:
            if tag in source:
                exif[tag] = source[tag]
        for tag in (EXIF_IFD, GPS_IFD):
            if directory := source.get_ifd(tag):
                exif[tag] = dict(directory)
        return exif.tobytes().removeprefix(PREFIX) if len(exif) else None
    except (OSError, SyntaxError, ValueError, struct.error, KeyError, TypeError, AttributeError):
        return None


def _with_orientation_1(tiff: bytes) -> bytes | None:
    """Change the one entry in place: rewriting the block would move what maker notes point to."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    data = bytearray(tiff)
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            if tag == ORIENTATION:
                struct.pack_into(order + ("H" if kind == 3 else "I"), data, entry + 8, 1)
    except struct.error:
        return None
    return bytes(data)


def read_rgb_profile(image: Image.Image) -> bytes | None:
    """The embedded ICC profile if it describes RGB; a CMYK or grey one would misdescribe our pixels."""
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None


def parse_exif(tiff: bytes) -> Image.Exif:
    """A block as `read_exif` gives it, as Pillow's mapping."""
    from PIL import Image as Pillow

    exif = Pillow.Exif()
    exif.load(PREFIX + tiff)
    return exif
