"""Small paintings of the user's own photo, to choose a style by; always on the CPU, beside whatever else runs."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..images import resize_image
from .stylizer import Stylizer

SIDE_PX = 256
MODELS_KEPT = 2
PHOTOS_KEPT = 4
JPEG_QUALITY = 85
FORGET_AFTER_S = 120.0
"""Without a preview; a model or two would otherwise stay in memory for good."""

Kept = TypeVar("Kept")


class Previewer:
    """Paints one preview at a time and keeps the last models and photos, since the next click is near them.

    The device is the host's: models that it manages must not be moved from another thread. On a CPU, a
    preview of 256 px takes a fraction of a second.

    Args:
        forget_after_s: Seconds after the last preview until models and photos are given back.
    """

    def __init__(self, forget_after_s: float = FORGET_AFTER_S) -> None:
        self.forget_after_s = forget_after_s
        self._one_at_a_time = threading.Lock()
        self._rest: threading.Timer | None = None
        self._models: OrderedDict[Hashable, Stylizer] = OrderedDict()
        self._photos: OrderedDict[Hashable, Tensor] = OrderedDict()

    def paint(
        self, model: tuple[Path, ...], photo: Path, style: str | Path | None = None, side_px: int = SIDE_PX
    ) -> bytes:
        """Paint a small copy of a photo.

        Args:
            model: The files that `load_checkpoint` takes.
            photo: A picture file of any size.
            style: Name of a style of the model, or the file of a style picture; None: the first style.
            side_px: Longest side of the preview; smaller photos stay as they are.

        Returns:
            A JPEG.

        Raises:
            ImageError: The photo or the style picture is no picture.
            CheckpointError: The model cannot be read.
            StyleError: It has no such style, or wants a picture.
        """
        with self._one_at_a_time:
            try:
                content = self._picture(photo, side_px)
                stylizer = self._stylizer(model)
                picked = self._picture(style, 2 * side_px) if isinstance(style, Path) else style
                return to_jpeg(stylizer(content, picked)[0])
            finally:
                self._forget_later()

    def forget(self) -> None:
        """Give back the memory of the models and photos."""
        with self._one_at_a_time:
            if self._rest is not None:
                self._rest.cancel()
            self._models.clear()
            self._photos.clear()

    def _forget_later(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = threading.Timer(self.forget_after_s, self.forget)
        self._rest.daemon = True
        self._rest.start()

    def _stylizer(self, files: tuple[Path, ...]) -> Stylizer:
        from ..checkpoints import load_checkpoint

        key = tuple(_stamp(path) for path in files)
        if key not in self._models:
            self._models[key] = Stylizer(load_checkpoint(*files), "cpu", "exact")
        return _newest(self._models, key, MODELS_KEPT)

    def _picture(self, path: Path, side_px: int) -> Tensor:
        from ..pictures import read_picture

        key = (_stamp(path), side_px) if path.exists() else None
        if key is None or key not in self._photos:
            image = read_picture(path).image[:, :3]
            height, width = image.shape[-2:]
            ratio = min(1.0, side_px / max(height, width))
            self._photos[key] = resize_image(image, max(1, round(height * ratio)), max(1, round(width * ratio)))
        return _newest(self._photos, key, PHOTOS_KEPT)


def to_jpeg(image: Tensor) -> bytes:
    """(3, H, W), 0..1 → JPEG."""
    from PIL import Image

    array = image.float().clamp(0, 1).mul(255).round().to(torch.uint8).movedim(0, -1).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _newest(kept: OrderedDict[Hashable, Kept], key: Hashable, most: int) -> Kept:
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]


def _stamp(path: Path) -> Hashable:
    status = path.stat()
    return str(path.resolve()), status.st_mtime_ns, status.st_size
