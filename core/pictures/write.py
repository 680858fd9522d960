"""Writing picture files: 8 or 16 bits, profile and EXIF kept, never half a file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..color import linear_to_srgb, srgb_to_linear
from ..errors import ConfigError, ImageError
from ..files import atomic_path
from ..images import check_image, split_alpha
from .exr import write_exr
from .metadata import DESCRIPTIVE_TAGS, EXIF_IFD, GPS_IFD, PREFIX, parse_exif
from .picture import Picture

WRITABLE_SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".exr": "EXR",
}


def check_writable(path: str | Path) -> str:
    """Format that a path's suffix asks for.

    Raises:
        ConfigError: None that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise ConfigError(
            f"{path} has no suffix of a format that can be written.",
            expected=" ".join(WRITABLE_SUFFIXES),
            got=suffix or "no suffix",
            do="Choose one of these.",
        )
    return WRITABLE_SUFFIXES[suffix]


def write_picture(
    picture: Picture | Tensor, path: str | Path, *, like: Picture | None = None, quality: int = 95
) -> Path:
    """Write a picture; format by suffix, atomically.

    Args:
        picture: A Picture, or (1, 3 or 4, H, W) or (3 or 4, H, W), floating point, 0..1, any device.
        path: .jpg .jpeg .png .webp .tif .tiff .exr; the folder is made where it is missing. JPEG has no
            transparency: the picture is laid on white. EXR holds linear light, all others display values: where the
            picture is of the other kind it is converted, and light beyond white is cut off.
        like: Bit depth (where the format has 16), ICC profile and EXIF come from here; default: from
            `picture` if it is a Picture.
        quality: 1..100 for JPEG and WebP; 100 makes WebP lossless.

    Returns:
        The path written.

    Raises:
        ConfigError: Another suffix, or a quality out of range.
        ImageError: No image, or too large for the format.
        BrushworkError: The place cannot be written.
    """
    path = Path(path)
    file_format = check_writable(path)
    if not 1 <= quality <= 100:
        raise ConfigError(
            "The quality is out of range.",
            expected="1 to 100",
            got=str(quality),
            do="95 is visually lossless.",
        )
    like = like or (picture if isinstance(picture, Picture) else Picture(torch.empty(0)))
    image = picture.image if isinstance(picture, Picture) else picture
    image = image[None] if image.ndim == 3 else image
    checked = check_image(image, "picture", channels=(3, 4))
    image = image if like.linear else checked
    if len(image) != 1:
        raise ImageError(
            "One file holds one picture.",
            expected="1 picture",
            got=str(len(image)),
            do="Write them one by one.",
        )
    image = image.detach().cpu().float()
    if file_format == "EXR":
        with atomic_path(path) as temporary:
            write_exr(_as(image, linear=True, was=like.linear), temporary, half=like.bit_depth < 32)
        return path
    image = _as(image, linear=False, was=like.linear)
    if file_format == "JPEG" and image.shape[1] == 4:
        image = 1 - image[:, 3:] * (1 - image[:, :3])
    deep = like.bit_depth > 8 and file_format in ("PNG", "TIFF")
    array = _to_array(image, 65535 if deep else 255)
    try:
        if file_format == "TIFF":
            data = _tiff(array, like)  # not Pillow: with libtiff it cannot write an EXIF directory
        elif deep:
            data = _png_16(array, like)
        else:
            data = _with_pillow(array, file_format, like, quality)
    except (OSError, ValueError, RuntimeError, struct.error) as error:
        raise ImageError(
            f"The picture cannot be encoded for {path}.",
            expected=f"a size that {file_format} can hold",
            got=f"{array.shape[1]}×{array.shape[0]}: {error}",
            do="Write PNG or TIFF instead, or scale it down.",
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def _as(image: Tensor, *, linear: bool, was: bool) -> Tensor:
    """(1, 3 or 4, H, W) as light or as display values; alpha is neither."""
    if linear == was:
        return image
    rgb, alpha = split_alpha(image)
    rgb = srgb_to_linear(rgb) if linear else linear_to_srgb(rgb.clamp(0, 1)).clamp(0, 1)
    return rgb if alpha is None else torch.cat((rgb, alpha.clamp(0, 1)), 1)


def _to_array(image: Tensor, scale: int) -> Any:
    """(1, C, H, W) 0..1 → (H, W, C) uint8 or uint16, rounded to nearest."""
    import numpy as np

    values = (image[0] * scale).round().to(torch.int32).permute(1, 2, 0)
    return np.ascontiguousarray(values.numpy().astype(np.uint8 if scale == 255 else np.uint16))


def _with_pillow(array: Any, file_format: str, like: Picture, quality: int) -> bytes:
    from PIL import Image

    options: dict[str, Any] = {}
    if like.icc_profile:
        options["icc_profile"] = like.icc_profile
    if like.exif:
        options["exif"] = PREFIX + like.exif
    if file_format == "JPEG":
        # halved chroma smears coloured strokes: only where small files are asked for
        options |= {"quality": quality, "subsampling": 0 if quality >= 90 else 2, "optimize": True}
    elif file_format == "WEBP":
        options |= {"quality": quality, "lossless": quality == 100, "exact": True}
    else:
        options["compress_level"] = 4  # a third of the default's time for 2 % more bytes
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, file_format, **options)
    return buffer.getvalue()


def _png_16(array: Any, like: Picture) -> bytes:
    imagecodecs, _ = _deep_codecs()
    data = bytes(imagecodecs.png_encode(array, level=4))
    chunks = b""
    if like.icc_profile:
        chunks += _png_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(like.icc_profile))
    if like.exif:
        chunks += _png_chunk(b"eXIf", like.exif)
    header_end = 8 + 25  # signature, IHDR
    return data[:header_end] + chunks + data[header_end:]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tiff(array: Any, like: Picture) -> bytes:
    _, tifffile = _deep_codecs()
    tags: list[tuple[int, str, int, Any, bool]] = []
    directories: dict[int, Any] = {}
    if like.exif:
        exif = parse_exif(like.exif)
        tags = [(tag, "s", 0, str(exif[tag]), True) for tag in DESCRIPTIVE_TAGS if tag in exif]
        directories = {tag: exif.get_ifd(tag) for tag in (EXIF_IFD, GPS_IFD) if exif.get_ifd(tag)}
        # tifffile refuses these two, so their unused neighbours stand in until `_append_directory`
        tags += [(tag + 1, "I", 1, 0, True) for tag in directories]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        array,
        photometric="rgb",
        extrasamples=["unassalpha"] if array.shape[2] == 4 else None,
        compression="adobe_deflate",
        byteorder="<",
        metadata=None,
        software=False,
        iccprofile=like.icc_profile,
        extratags=tags,
    )
    for tag, directory in directories.items():
        _append_directory(buffer, tag, directory)
    return buffer.getvalue()


def _append_directory(buffer: io.BytesIO, tag: int, directory: Any) -> None:
    """Put an EXIF or GPS directory behind the TIFF and turn the entry `tag` + 1 into `tag`, pointing to it."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    _, tifffile = _deep_codecs()
    offset = buffer.seek(0, io.SEEK_END)
    offset += buffer.write(b"\0" * (offset % 2))
    serialised = ImageFileDirectory_v2()
    for key, value in directory.items():
        if not isinstance(value, dict):  # Pillow nests the interoperability directory
            serialised[key] = value
    buffer.write(serialised.tobytes(offset))
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        entry = file.pages[0].tags[tag + 1].offset
    buffer.seek(entry)
    buffer.write(struct.pack("<HHII", tag, 4, 1, offset))


def _deep_codecs() -> tuple[Any, Any]:
    try:
        import imagecodecs
        import tifffile
    except ImportError as error:
        raise ImageError(
            "TIFF and 16-bit PNG cannot be written: the codec is not installed.",
            expected="the packages tifffile and imagecodecs",
            got=str(error),
            do='Run: pip install "brushwork[standalone]", or write JPEG or WebP.',
        ) from error
    return imagecodecs, tifffile
