"""Picture files as integer rows: for pictures whose pixels as one float tensor would not fit into memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .metadata import read_exif, read_orientation, read_rgb_profile
from .picture import Picture
from .read import check_file, check_size, decode_16_bit, explained, is_deep_colour, is_exr, open_image, to_rgb
from .tiff import TiffStrips

if TYPE_CHECKING:
    pass

MAX_PIXELS = 1 << 30
"""1,074 megapixels (32768²): as 8-bit rows they take the memory that a quarter of them takes as a float tensor.
Pillow's own limit is off only while a file is opened, and this one holds before anything is decoded."""

BLOCK_ROWS = 64


@dataclass(frozen=True)
class PictureRows:
    """A picture that is decoded while its rows are taken."""

    height: int
    width: int
    channels: int
    """3, or 4 with transparency."""
    like: Picture
    """Everything but the pixels."""
    blocks: Iterator[Any]
    """Arrays (r, W, C), uint8 or uint16 as `like.bit_depth` says, top to bottom; they can be taken once."""
    decoding: int
    """Bytes of memory that the decoder takes while they are taken."""


def picture_size(path: str | Path) -> tuple[int, int] | None:
    """(height, width) as stored, from the file's head; None where it cannot be told cheaply, or is no picture."""
    from ..errors import ImageError

    path = Path(path)
    try:
        if not path.is_file() or is_exr(path):
            return None
        with explained(path), warnings.catch_warnings(), open_image(path) as image:
            warnings.simplefilter("ignore")
            return image.height, image.width
    except ImageError:
        return None


def read_rows(path: str | Path) -> PictureRows | None:
    """Open a picture file; the rows are those of `read_picture`.

    TIFF is decoded strip by strip where its layout allows it. All other files are decoded as a whole, in their 8 or 16
    bits, when the rows are asked for first.

    Args:
        path: As for `read_picture`.

    Returns:
        The picture; None where its pixels are no integers or nothing but `read_picture` reads it.

    Raises:
        ImageError: No such file, not a picture, damaged (perhaps only while the rows are taken), or larger than
            `MAX_PIXELS`.
    """
    path = Path(path)
    check_file(path)
    if is_exr(path):
        return None
    with explained(path), warnings.catch_warnings(), open_image(path) as image:
        warnings.simplefilter("ignore")  # as in `read_picture`
        check_size(path, image.width, image.height, MAX_PIXELS)
        orientation, source = read_orientation(image), image.format or ""
        exif, profile = read_exif(image), read_rgb_profile(image)
        if source == "TIFF" and TiffStrips.readable(path):
            strips = TiffStrips(path)
            like = Picture(torch.empty(0), 16 if strips.deep else 8, profile, exif, source)
            size, channels = (strips.height, strips.width), _colours(strips.samples)
            return PictureRows(*size, channels, like, _checked(path, strips.blocks()), strips.working_bytes)
        if image.mode == "F":
            return None
        size = (image.width, image.height) if orientation >= 5 else (image.height, image.width)
        deep = is_deep_colour(path, image)
        if deep and source == "TIFF":
            return None
        channels = 4 if image.has_transparency_data and image.mode not in ("CMYK", "LAB") else 3
        grey = image.mode.startswith("I")
        like = Picture(torch.empty(0), 16 if deep or grey else 8, None if grey else profile, exif, source)
        decoding = _decoder_bytes(path, image, orientation, deep=deep)
    blocks = _deep(path, source, orientation) if deep else _of_pillow(path)
    return PictureRows(*size, channels, like, _checked(path, blocks), decoding)


def as_colours(array: Any) -> Any:
    """(r, W), (r, W, 1..4) → (r, W, 3 or 4)."""
    import numpy as np

    array = array[..., None] if array.ndim == 2 else array
    if array.shape[2] < 3:
        array = array[..., [0, 0, 0, 1][: _colours(array.shape[2])]]
    return np.require(array, requirements=("C", "W"))  # torch takes nothing that it may not write to


def _colours(samples: int) -> int:
    """Channels that a file's samples become: grey is repeated, alpha kept."""
    return {1: 3, 2: 4}.get(samples, samples)


def _decoder_bytes(path: Path, image: Any, orientation: int, *, deep: bool) -> int:
    """Bytes that a picture takes which is decoded as a whole."""
    pixels = image.width * image.height
    if deep:
        return pixels * 2 * len(image.getbands()) + path.stat().st_size
    held = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "LA": 4, "PA": 4}.get(image.mode, 4)
    copies = 1 + (orientation > 1 or image.mode in ("CMYK", "LAB"))
    # libjpeg keeps a progressive picture's coefficients, libwebp its canvas, the one shown before and the file
    beside = 6 if image.info.get("progressive") else 0
    if image.format == "WEBP":
        return pixels * 12 + 2 * path.stat().st_size
    return pixels * (held * copies + beside)


def _checked(path: Path, blocks: Iterator[Any]) -> Iterator[Any]:
    """Blocks of colours; damage that is met on the way is explained."""
    while True:
        with explained(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            block = next(blocks, None)
        if block is None:
            return
        yield as_colours(block)


def _of_pillow(path: Path) -> Iterator[Any]:
    """Rows of what Pillow holds in 8-bit colour or 16-bit grey."""
    import numpy as np
    from PIL import ImageOps

    with open_image(path) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # no second copy of what lies right
        if image.mode in ("CMYK", "LAB"):
            image = to_rgb(image)  # through the profile, which is prepared once
        mode = "RGBA" if image.has_transparency_data else "RGB"
        for first in range(0, image.height, BLOCK_ROWS):
            rows = image.crop((0, first, image.width, min(first + BLOCK_ROWS, image.height)))
            if image.mode.startswith("I"):
                yield np.clip(np.asarray(rows), 0, 65535).astype(np.uint16)
            else:
                yield np.asarray(rows.convert(mode))


def _deep(path: Path, source: str, orientation: int) -> Iterator[Any]:
    """Rows of 16-bit colour, decoded as a whole."""
    array = decode_16_bit(path, source)
    if orientation >= 5:
        array = array.swapaxes(0, 1)  # 5..8 are stored transposed
    array = array[:: -1 if orientation in (3, 4, 7, 8) else 1, :: -1 if orientation in (2, 3, 6, 7) else 1]
    for first in range(0, len(array), BLOCK_ROWS):
        yield array[first : first + BLOCK_ROWS]
