"""Reading picture files of every common kind as upright RGB or RGBA."""

from __future__ import annotations

import contextlib
import struct
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import ImageError
from .exr import MAGIC, read_exr
from .metadata import read_exif, read_orientation, read_rgb_profile
from .picture import Picture

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 1 << 28
"""268 megapixels (16384²), 3.2 GB as float32. Pillow's own limit stops at 179, below large scans."""

DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, RuntimeError, TypeError, LookupError)
"""What Pillow, imagecodecs and tifffile raise for damaged files."""

_limit_lock = threading.Lock()


def read_picture(path: str | Path) -> Picture:
    """Read the first frame of a picture file.

    Palette, 1-bit, grey, CMYK and LAB become RGB, with transparency RGBA. EXIF orientation is applied.

    Args:
        path: JPEG, PNG, WebP, TIFF and whatever else this Pillow opens. 16 bits a channel in PNG and TIFF. EXR, as
            linear light, where the package OpenEXR is installed.

    Returns:
        Pixels float32, CPU; see `Picture`.

    Raises:
        ImageError: No such file, not a picture, damaged, or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    check_file(path)
    if is_exr(path):
        return read_exr(path)
    try:
        with explained(path), warnings.catch_warnings(), open_image(path) as image:
            warnings.simplefilter("ignore")  # odd metadata is not worth a line on the user's terminal
            check_size(path, image.width, image.height)
            return _decode(path, image)
    except UnknownFormatError:
        fallback = _read_tiff_alone(path)
        if fallback is None:
            raise
        return fallback


class UnknownFormatError(ImageError):
    """A file that Pillow knows no format for."""


def check_file(path: Path) -> None:
    """Raises ImageError where there is no file."""
    if not path.is_file():
        raise ImageError(
            f"{path} cannot be read.",
            expected="a picture file",
            got="a folder" if path.is_dir() else "nothing at this path",
            do="Check the spelling.",
        )


def is_exr(path: Path) -> bool:
    """Whether a file begins as OpenEXR does."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what decoders raise for damaged files into an ImageError."""
    from PIL import Image

    try:
        yield
    except ImageError:
        raise
    except DAMAGE as error:
        unknown = isinstance(error, Image.UnidentifiedImageError)
        size = path.stat().st_size
        reason = "no picture format that is known here" if unknown else f"{type(error).__name__}: {error}"
        raise (UnknownFormatError if unknown else ImageError)(
            f"{path} is not a readable picture.",
            expected="a complete JPEG, PNG, WebP or TIFF file",
            got=f"{size} bytes; {reason}",
            do="Open it in a viewer: it may be cut off, empty, or another kind of file under a picture's name.",
        ) from error


def open_image(path: Path) -> Image.Image:
    """Image.open without Pillow's limit, a module variable; the caller checks the size before anything is decoded."""
    from PIL import Image

    with _limit_lock:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def check_size(path: Path, width: int, height: int, most: int | None = None) -> None:
    """Raises ImageError where a picture has more than so many pixels; None: `MAX_PIXELS`."""
    most = most or MAX_PIXELS
    if width * height > most:
        raise ImageError(
            f"{path} is too large.",
            expected=f"at most {most / 1e6:.0f} megapixels",
            got=f"{width}×{height}, {width * height / 1e6:.0f} megapixels",
            do="Scale it down first. A small file of this size is probably made to exhaust memory.",
        )


def _decode(path: Path, image: Image.Image) -> Picture:
    orientation = read_orientation(image)
    source = image.format or ""
    if is_deep_colour(path, image):
        array = decode_16_bit(path, source)
        exif, profile = read_exif(image), read_rgb_profile(image)
        return Picture(_upright(_from_array(array, path), orientation), 16, profile, exif, source)
    return _decode_with_pillow(image, source)


def _decode_with_pillow(image: Image.Image, source: str) -> Picture:
    import numpy as np
    from PIL import ImageOps

    exif = read_exif(image)  # before loading: a TIFF forgets its orientation then
    image.load()
    upright = ImageOps.exif_transpose(image)
    # Pillow's 16-bit grey is I;16, of older versions I; F is taken as 0..1
    if upright.mode.startswith(("I", "F")):
        values = np.asarray(upright).astype(np.float32)
        values = np.clip(values if upright.mode == "F" else values / 65535, 0, 1)
        grey = torch.from_numpy(values)[None, None].expand(1, 3, -1, -1).contiguous()
        return Picture(grey, 16, None, exif, source)
    profile = read_rgb_profile(image)
    return Picture(_from_array(np.array(to_rgb(upright)), None), 8, profile, exif, source)


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where anything is transparent."""
    if image.mode in ("CMYK", "LAB") and (converted := _through_profile(image)) is not None:
        return converted
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _through_profile(image: Image.Image) -> Image.Image | None:
    """CMYK or LAB → sRGB by the embedded profile, as a print shop would; None where there is none."""
    import io

    from PIL import ImageCms

    embedded = image.info.get("icc_profile")
    try:
        if image.mode == "LAB":
            source: Any = ImageCms.createProfile("LAB")
        elif embedded:
            source = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        else:
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def is_deep_colour(path: Path, image: Image.Image) -> bool:
    """Whether a file holds 16-bit colours, which Pillow would open as 8-bit; 16-bit grey it knows."""
    return _bits(path, image) > 8 and not image.mode.startswith(("I", "F"))


def _bits(path: Path, image: Image.Image) -> int:
    """Bits a channel as stored; Pillow itself quietly opens 16-bit colour as 8-bit."""
    if image.format == "PNG":
        with path.open("rb") as file:
            header = file.read(25)
        return header[24]
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return 8


def decode_16_bit(path: Path, source: str) -> Any:
    """The picture as a whole: (H, W, C) or (H, W) array of the first page, as stored."""
    try:
        import imagecodecs
        import tifffile
    except ImportError as error:
        raise ImageError(
            f"{path} has 16 bits a channel, and the codec for that is not installed.",
            expected="the packages tifffile and imagecodecs",
            got=str(error),
            do='Run: pip install "brushwork[standalone]"',
        ) from error
    if source == "PNG":
        return imagecodecs.png_decode(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        check_size(path, page.imagewidth, page.imagelength)
        array = page.asarray()
        planar = page.planarconfig is not None and int(page.planarconfig) == 2
        return array.transpose(1, 2, 0) if planar and array.ndim == 3 else array


def _read_tiff_alone(path: Path) -> Picture | None:
    """TIFF layouts that Pillow does not know at all (16-bit grey with alpha, floating-point colour)."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        return Picture(_from_array(decode_16_bit(path, "TIFF"), path), 16, format="TIFF")
    except ImageError:
        raise
    except DAMAGE:
        return None


def _from_array(array: Any, path: Path | None) -> Tensor:
    """(H, W), (H, W, 1..4) of uint8, uint16 or float → (1, 3 or 4, H, W) float32."""
    import numpy as np

    scale = {"uint8": 255, "uint16": 65535, "float16": 1, "float32": 1, "float64": 1}.get(str(array.dtype))
    array = array[..., None] if array.ndim == 2 else array
    if scale is None or array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise ImageError(
            f"{path} holds pixels of an unusual kind.",
            expected="grey or RGB, with or without alpha, 8 or 16 bits or floating point",
            got=f"{array.dtype} {array.shape}",
            do="Save it as 16-bit RGB first.",
        )
    if array.shape[2] < 3:
        array = array[..., [0, 0, 0, 1][: 3 if array.shape[2] == 1 else 4]]
    values = np.clip(np.nan_to_num(array.astype(np.float32) / np.float32(scale)), 0, 1)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]


def _upright(image: Tensor, orientation: int) -> Tensor:
    """Apply an EXIF orientation 1..8 to (1, C, H, W)."""
    if orientation >= 5:
        image = image.mT  # 5..8 are stored transposed
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return image.flip([2] * flip_rows + [3] * flip_columns).contiguous()
