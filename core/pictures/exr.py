"""OpenEXR: linear light in floating point, read and written through the OpenEXR package where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ImageError
from .picture import Picture

MAGIC = b"\x76\x2f\x31\x01"


def read_exr(path: Path) -> Picture:
    """The first part of an EXR file: R, G, B or Y, and A, as linear float32; other channels are left out.

    Raises:
        ImageError: The package is missing, or the file has no colours or is damaged.
    """
    import numpy as np

    openexr = _openexr(path)
    try:
        with openexr.File(str(path), separate_channels=True) as file:
            channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, OSError, TypeError) as error:
        raise ImageError(
            f"{path} is not a readable picture.",
            expected="a complete OpenEXR file",
            got=f"{path.stat().st_size} bytes; {type(error).__name__}: {error}",
            do="Open it in a viewer: it may be cut off.",
        ) from error
    colors = ["R", "G", "B"] if "R" in channels else ["Y", "Y", "Y"]
    if not set(colors) <= set(channels):
        raise ImageError(
            f"{path} has no colours.",
            expected="the channels R, G, B or Y",
            got=", ".join(channels) or "none",
            do="Export the beauty pass, with its channels called R, G and B.",
        )
    planes = [channels[name].astype(np.float32) for name in [*colors, *(["A"] if "A" in channels else [])]]
    image = torch.from_numpy(np.stack(planes))[None]
    return Picture(image, 16 if channels[colors[0]].dtype == np.float16 else 32, format="EXR", linear=True)


def write_exr(image: Tensor, path: Path, *, half: bool) -> None:
    """Write linear light.

    Args:
        image: (1, 3 or 4, H, W), float32, linear.
        path: Where to; not atomic.
        half: 16 bits a channel instead of 32.

    Raises:
        ImageError: The package is missing.
    """
    import numpy as np

    openexr = _openexr(path)
    planes = image[0].numpy().astype(np.float16 if half else np.float32)
    channels = {name: np.ascontiguousarray(plane) for name, plane in zip("RGBA", planes, strict=False)}
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, channels) as file:
        file.write(str(path))


def _openexr(path: Path) -> Any:
    try:
        import OpenEXR
    except ImportError as error:
        raise ImageError(
            f"{path} is an OpenEXR file, and the codec for that is not installed.",
            expected="the package OpenEXR",
            got=str(error),
            do='Run: pip install "brushwork[exr]"',
        ) from error
    return OpenEXR
