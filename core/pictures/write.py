"""Writing picture files: 8 or 16 bits, profile and EXIF kept, never half a file."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ..color import linear_to_srgb, srgb_to_linear
from ..errors import ConfigError, ImageError
from ..files import atomic_path
from ..images import check_image, split_alpha
from .exr import write_exr
from .metadata import PREFIX
from .picture import Picture
from .png import write_png
from .tiff import write_tiff

WRITABLE_SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".exr": "EXR",
}

STRIP_ROWS = 64
"""What is converted and encoded at once."""


OPTIMIZED_PIXELS = 1 << 23
"""Up to here JPEG's codes are fitted to the picture: 3 % fewer bytes, for which libjpeg keeps all coefficients."""


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
    check_quality(quality)
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
    height, width = image.shape[-2:]
    strips = (image[:, :, first : first + STRIP_ROWS] for first in range(0, height, STRIP_ROWS))
    return _encode(strips, (height, width, image.shape[1]), path, like, quality)


def write_rows(
    blocks: Iterable[Tensor], height: int, width: int, channels: int, path: str | Path, like: Picture, quality: int = 95
) -> Path:
    """Write a picture while its rows are made; format by suffix, atomically.

    PNG and TIFF never lie in memory as a whole. JPEG and WebP do, in 8 bits.

    Args:
        blocks: (1, C, r, W), floating point, 0..1, display values, top to bottom, `height` rows in all. What they raise
            ends the writing and leaves no file.
        height: H in pixels.
        width: W in pixels.
        channels: 3 or 4.
        path: As for `write_picture`, but for EXR, which holds light.
        like: Bit depth, ICC profile and EXIF.
        quality: As for `write_picture`.

    Returns:
        The path written.

    Raises:
        ConfigError: Another suffix, or a quality out of range.
        ImageError: Too large for the format.
        BrushworkError: The place cannot be written.
    """
    path = Path(path)
    if check_writable(path) == "EXR":
        raise ConfigError(
            f"{path} cannot be written row by row.",
            expected=" ".join(suffix for suffix in WRITABLE_SUFFIXES if suffix != ".exr"),
            got=".exr",
            do="Choose one of these.",
        )
    check_quality(quality)
    return _encode(blocks, (height, width, channels), path, like, quality)


def _encode(blocks: Iterable[Tensor], shape: tuple[int, int, int], path: Path, like: Picture, quality: int) -> Path:
    """Display values in blocks of rows → a file of (H, W, C) pixels."""
    import numpy as np

    file_format = check_writable(path)
    height, width, channels = shape
    deep = like.bit_depth > 8 and file_format in ("PNG", "TIFF")
    failed: list[BaseException] = []

    def source() -> Iterator[Any]:
        """The rows as they are encoded; what goes wrong in making them is not the encoder's fault."""
        try:
            for block in blocks:
                yield _to_array(_opaque(block) if file_format == "JPEG" else block, deep=deep)
        except BaseException as error:
            failed.append(error)
            raise

    arrays = source()
    with atomic_path(path) as temporary, _unencodable(path, file_format, shape, failed):
        if file_format == "PNG":
            with temporary.open("wb") as file:
                write_png(file, arrays, width, height, like)
        elif file_format == "TIFF":  # not Pillow: with libtiff it cannot write an EXIF directory
            with temporary.open("wb+") as file:
                write_tiff(file, arrays, shape, "uint16" if deep else "uint8", like)
        else:
            # four bytes a pixel are what Pillow holds: it takes the array as it is, without a copy
            whole = np.empty((height, width, 4), np.uint8)
            first = 0
            for rows in arrays:
                whole[first : first + len(rows), :, : rows.shape[2]] = rows
                first += len(rows)
            with temporary.open("wb") as file:
                _with_pillow(whole, file_format, channels, like, quality, _OnlyWrite(file))
    return path


@contextlib.contextmanager
def _unencodable(
    path: Path, file_format: str, shape: tuple[int, int, int], others: list[BaseException]
) -> Iterator[None]:
    """Explain what an encoder says about a picture; a full disk has an error number and is none of that."""
    try:
        yield
    except (OSError, ValueError, struct.error) as error:
        if error in others or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise ImageError(
            f"The picture cannot be encoded for {path}.",
            expected=f"a size that {file_format} can hold",
            got=f"{shape[1]}×{shape[0]}: {error}",
            do="Write PNG or TIFF instead, or scale it down.",
        ) from error


def check_quality(quality: int) -> None:
    """Raises ConfigError outside 1..100."""
    if not 1 <= quality <= 100:
        raise ConfigError(
            "The quality is out of range.",
            expected="1 to 100",
            got=str(quality),
            do="95 is visually lossless.",
        )


def _as(image: Tensor, *, linear: bool, was: bool) -> Tensor:
    """(1, 3 or 4, H, W) as light or as display values; alpha is neither."""
    if linear == was:
        return image
    rgb, alpha = split_alpha(image)
    rgb = srgb_to_linear(rgb) if linear else linear_to_srgb(rgb.clamp(0, 1)).clamp(0, 1)
    return rgb if alpha is None else torch.cat((rgb, alpha.clamp(0, 1)), 1)


def _opaque(image: Tensor) -> Tensor:
    """Laid on white where it is transparent: (1, 3, H, W)."""
    rgb, alpha = split_alpha(image)
    return rgb if alpha is None else 1 - alpha * (1 - rgb)


def _to_array(image: Tensor, *, deep: bool) -> Any:
    """(1, C, H, W) 0..1 → (H, W, C) uint8 or uint16, rounded to nearest."""
    import numpy as np

    # not by torch: often this is the thread that writes while another one paints, with all of torch's threads
    values = image[0].detach().cpu().float().numpy().transpose(1, 2, 0)
    return np.rint(values * np.float32(65535 if deep else 255)).astype(np.uint16 if deep else np.uint8, order="C")


class _OnlyWrite:
    """A file without a number: Pillow would write past Python then, and not say that a disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush = file.write, file.flush


def encoder_bytes(path: str | Path, height: int, width: int, quality: int = 95) -> int:
    """Bytes that a picture takes in memory while it is written by `write_rows`, beside a few rows."""
    pixels = height * width
    if check_writable(path) == "JPEG":
        return pixels * (12 if pixels <= OPTIMIZED_PIXELS else 4)
    if check_writable(path) == "WEBP":
        return pixels * (48 if quality == 100 else 16)
    return 0


def _with_pillow(array: Any, file_format: str, channels: int, like: Picture, quality: int, file: Any) -> None:
    """Encode (H, W, 4) bytes, of which the fourth counts where there are four channels."""
    from PIL import Image

    options: dict[str, Any] = {}
    if like.icc_profile:
        options["icc_profile"] = like.icc_profile
    if like.exif:
        options["exif"] = PREFIX + like.exif
    height, width, _ = array.shape
    if file_format == "JPEG":
        mode = "RGBX"
        # halved chroma smears coloured strokes: only where small files are asked for
        options |= {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
        options["optimize"] = height * width <= OPTIMIZED_PIXELS
    else:
        mode = "RGBA" if channels == 4 else "RGBX"
        options |= {"quality": quality, "lossless": quality == 100, "exact": True}
    Image.frombuffer(mode, (width, height), array, "raw", mode, 0, 1).save(file, file_format, **options)
