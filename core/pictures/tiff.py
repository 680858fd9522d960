"""TIFF by strips: written with deflate, profile and EXIF; read where the file's own layout allows it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ImageError
from .metadata import DESCRIPTIVE_TAGS, EXIF_IFD, GPS_IFD, parse_exif
from .picture import Picture

STRIP_BYTES = 1 << 18
"""Of pixels, before compression."""
LEVEL = 6
CLASSIC_BYTES = (1 << 32) - (1 << 26)
"""Larger pictures become BigTIFF, whose offsets have 64 bits."""
UNASSOCIATED_ALPHA = 2
LOSSLESS = (1, 5, 8, 32773, 32946, 50000)
"""None, LZW, both deflates, PackBits, Zstandard: what holds pixels as they are, not JPEG's YCbCr."""


def write_tiff(file: BinaryIO, blocks: Iterable[Any], shape: tuple[int, int, int], dtype: str, like: Picture) -> None:
    """Write a TIFF from arrays of rows.

    Args:
        file: Seekable, open for reading and writing, empty.
        blocks: (r, W, C) of `dtype`, top to bottom.
        shape: (H, W, 3 or 4).
        dtype: uint8 or uint16.
        like: Its profile and EXIF go along.
    """
    tifffile = tiff_package("TIFF cannot be written")
    height, width, channels = shape
    row_bytes = width * channels * (1 if dtype == "uint8" else 2)
    strip = min(height, max(1, STRIP_BYTES // row_bytes))
    tags: list[tuple[int, str, int, Any, bool]] = []
    directories: dict[int, Any] = {}
    big = row_bytes * height > CLASSIC_BYTES
    if like.exif:
        exif = parse_exif(like.exif)
        tags = [(tag, "s", 0, str(exif[tag]), True) for tag in DESCRIPTIVE_TAGS if tag in exif]
        if not big:  # Pillow makes no directories for 64-bit offsets
            directories = {tag: exif.get_ifd(tag) for tag in (EXIF_IFD, GPS_IFD) if exif.get_ifd(tag)}
        # tifffile refuses these two, so their unused neighbours stand in until `_append_directory`
        tags += [(tag + 1, "I", 1, 0, True) for tag in directories]
    with tifffile.TiffWriter(file, bigtiff=big, byteorder="<") as writer:
        writer.write(
            (zlib.compress(rows.tobytes(), LEVEL) for rows in _strips(blocks, strip)),
            shape=shape,
            dtype=dtype,
            photometric="rgb",
            extrasamples=["unassalpha"] if channels == 4 else None,
            compression="adobe_deflate",
            rowsperstrip=strip,
            metadata=None,
            software=False,
            iccprofile=like.icc_profile,
            extratags=tags,
        )
    for tag, directory in directories.items():
        _append_directory(file, tag, directory)


def _strips(blocks: Iterable[Any], height: int) -> Iterator[Any]:
    """Rows in arrays of exactly `height`, but for the last."""
    import numpy as np

    rest: Any = None
    for block in blocks:
        rows = block if rest is None else np.concatenate((rest, block))
        full = len(rows) // height * height
        for first in range(0, full, height):
            yield rows[first : first + height]
        rest = rows[full:] if full < len(rows) else None
    if rest is not None:
        yield rest


def _append_directory(file: BinaryIO, tag: int, directory: Any) -> None:
    """Put an EXIF or GPS directory behind the TIFF and turn the entry `tag` + 1 into `tag`, pointing to it."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tifffile = tiff_package("TIFF cannot be written")
    offset = file.seek(0, io.SEEK_END)
    offset += file.write(b"\0" * (offset % 2))
    serialised = ImageFileDirectory_v2()
    for key, value in directory.items():
        if not isinstance(value, dict):  # Pillow nests the interoperability directory
            serialised[key] = value
    file.write(serialised.tobytes(offset))
    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        entry = opened.pages[0].tags[tag + 1].offset
    file.seek(entry)
    file.write(struct.pack("<HHII", tag, 4, 1, offset))


class TiffStrips:
    """The first page of a TIFF, decoded strip by strip. Only for layouts that `readable` accepts.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            page = file.pages[0]
            self.height, self.width, self.samples = page.imagelength, page.imagewidth, page.samplesperpixel
            self.deep = page.dtype is not None and page.dtype.itemsize == 2
            rows = 1 if page.is_contiguous else page.tilelength if page.is_tiled else page.rowsperstrip
            band = min(rows or self.height, self.height) * self.width * self.samples * (1 + self.deep)
            self.working_bytes = STRIP_BYTES + 3 * band + max(page.databytecounts, default=0) * (not page.is_contiguous)
            """Memory of `blocks`: a band as stored, as decoded and as given out."""

    @staticmethod
    def readable(path: Path) -> bool:
        """Whether its strips or tiles hold upright, interleaved grey or RGB of 8 or 16 bits."""
        try:
            import tifffile
        except ImportError:
            return False
        try:
            with tifffile.TiffFile(path) as file:
                page = file.pages[0]
                extra = tuple(int(sample) for sample in page.extrasamples)
                orientation = page.tags.get(274)
                return (
                    str(page.dtype) in ("uint8", "uint16")
                    and page.samplesperpixel in (1, 2, 3, 4)
                    and page.photometric == (1 if page.samplesperpixel < 3 else 2)
                    and extra == ((UNASSOCIATED_ALPHA,) if page.samplesperpixel in (2, 4) else ())
                    and (page.samplesperpixel < 3 or int(page.planarconfig) == 1)
                    and page.bitspersample in (8, 16)
                    and int(page.compression) in LOSSLESS
                    and page.imagedepth == 1
                    and (orientation is None or orientation.value == 1)
                )
        except (tifffile.TiffFileError, OSError, ValueError, IndexError, TypeError):
            return False

    def blocks(self) -> Iterator[Any]:
        """Arrays (r, W, samples), top to bottom, in the machine's byte order."""
        import numpy as np

        with self._open() as file:
            page, handle = file.pages[0], file.filehandle
            dtype = np.dtype("u2" if self.deep else "u1")
            if page.is_contiguous:  # one piece without compression: any number of rows can be read
                stored = dtype.newbyteorder(file.byteorder)
                row = self.width * self.samples
                step = max(1, STRIP_BYTES // (row * dtype.itemsize))
                handle.seek(page.dataoffsets[0])
                for first in range(0, self.height, step):
                    count = min(step, self.height - first)
                    data = handle.read(count * row * dtype.itemsize)
                    yield np.frombuffer(data, stored).astype(dtype).reshape(count, self.width, self.samples)
                return
            band: Any = None
            top = 0
            for index, (offset, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
                handle.seek(offset)
                piece, (_, _, row, column, _), (_, length, width, _) = page.decode(handle.read(size), index)
                if band is not None and row > top:
                    yield band
                    band = None
                if band is None:
                    band, top = np.zeros((min(length, self.height - row), self.width, self.samples), dtype), row
                if piece is not None:  # what was never written is black
                    wide = min(width, self.width - column)
                    band[:, column : column + wide] = piece[0, : len(band), :wide]
            if band is not None:
                yield band

    def _open(self) -> Any:
        return tiff_package(f"{self.path} cannot be read").TiffFile(self.path)


def tiff_package(what: str) -> Any:
    """The module tifffile.

    Raises:
        ImageError: It is not installed; the message begins with `what`.
    """
    try:
        import tifffile
    except ImportError as error:
        raise ImageError(
            f"{what}: the codec is not installed.",
            expected="the packages tifffile and imagecodecs",
            got=str(error),
            do='Run: pip install "brushwork[standalone]".',
        ) from error
    return tifffile
