"""Content photos: any folder, any mixture of files; crops drawn from (seed, step) so that a run can resume exactly."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import ImageError, TrainingError
from ..core.images import resize_short_side
from .task import Batches

log = logging.getLogger("brushwork.trainers")

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
LARGEST_PX = 120_000_000
PHOTO_ZOOM = 1.5
"""Crops are cut from photos whose short side is 1 to that many crops."""


def read_rgb(path: Path, short_side_px: int | None = None) -> Tensor:
    """Any picture file → (1, 3, H, W), float, 0..1.

    Args:
        path: What Pillow reads.
        short_side_px: Where twice as much or more is there, the picture is read at a whole fraction of its size; a
            photo of 100 megapixels then takes no more memory than a small one.

    Raises:
        ImageError: The file is no picture that Pillow reads, or larger than 120 megapixels.
    """
    import numpy as np
    from PIL import ImageOps

    from ..core.pictures.read import open_image

    try:
        with open_image(path) as image:
            if image.width * image.height > LARGEST_PX:
                raise ValueError(f"{image.width}×{image.height} px")
            if short_side_px is not None:
                image.draft("RGB", (short_side_px, short_side_px))
            image = ImageOps.exif_transpose(image).convert("RGB")
            if short_side_px is not None and (factor := min(image.size) // (2 * short_side_px)) > 1:
                image = image.reduce(factor)
            array = np.array(image)
    except Exception as error:  # Pillow raises nearly everything on damaged files
        raise ImageError(
            f"{path} is not a picture that can be read.",
            expected="JPEG, PNG, WebP, TIFF or BMP, at most 120 megapixels",
            got=f"{type(error).__name__}: {error}",
            do="Replace or remove the file.",
        ) from error
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


def picture_files(sources: Path | Sequence[Path]) -> list[Path]:
    """Picture files, and those in folders, searched recursively; sorted, so that the order is the same everywhere."""
    found: set[Path] = set()
    for source in [sources] if isinstance(sources, Path) else sources:
        if source.is_dir():
            found.update(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
        elif source.is_file():
            found.add(source)
    return sorted(found)


class PhotoBatches:
    """Endless random crops from folders or files.

    Args:
        sources: Folders, searched recursively, and files.
        size_px: Side of the crops.
        size: Photos of a batch.
        seed: Of order and crops.
        zoom: Largest short side, in crops, that a picture is scaled to before it is cut.

    Raises:
        TrainingError: The folder is missing or holds no picture.
    """

    def __init__(
        self, sources: Path | Sequence[Path], size_px: int, size: int, seed: int, *, zoom: float = PHOTO_ZOOM
    ) -> None:
        self.paths = picture_files(sources)
        if not self.paths:
            places = [sources] if isinstance(sources, Path) else list(sources)
            raise TrainingError(
                f"There are no pictures in {', '.join(map(str, places[:3]))}.",
                expected="a folder with JPEG, PNG, WebP, TIFF or BMP files; a few hundred photos are enough",
                got="a folder without pictures" if any(p.is_dir() for p in places) else "no such folder",
                do="Give a folder of pictures.",
            )
        self.size_px, self.size, self.seed, self.zoom = size_px, size, seed, zoom
        self._bad: set[Path] = set()

    def batch(self, step: int, rows: range | None = None) -> tuple[Tensor]:
        """Some or all photos of one step: (rows, 3, size_px, size_px), 0..1; the same for the same step, always."""
        places = range(self.size) if rows is None else rows
        return (torch.cat([self._crop(step * self.size + place) for place in places]),)

    def sample(self, count: int) -> Tensor:
        """The first `count` photos of the sequence, (count, 3, size_px, size_px)."""
        return torch.cat([self._crop(index) for index in range(count)])

    def _crop(self, index: int) -> Tensor:
        """Photo number `index` of the endless shuffled sequence, skipping files that cannot be read."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        count = len(self.paths)
        epoch, place = divmod(index, count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(self.seed * 7_919 + epoch))
        for attempt in range(count):  # round within the epoch, so that every file is tried
            path = self.paths[int(order[(place + attempt) % count])]
            if path in self._bad:
                continue
            try:
                photo = read_rgb(path, round(self.zoom * self.size_px))
            except ImageError as error:
                self._bad.add(path)
                log.warning("skipped %s (%s)", path, error.got)
                continue
            return self._random_crop(photo, generator)
        raise TrainingError(
            "None of the pictures can be read.",
            expected="at least one readable picture",
            got=f"{len(self._bad)} damaged files",
            do="Give another folder with --photos.",
        )

    def _random_crop(self, photo: Tensor, generator: torch.Generator) -> Tensor:
        """Scale the short side to 1 … `zoom` crops (never below one), cut a square, mirror half of them."""
        scale, top, left, mirror = torch.rand(4, generator=generator).tolist()
        short = min(photo.shape[-2:])
        side = self.size_px + round((max(self.size_px, min(short, self.zoom * self.size_px)) - self.size_px) * scale)
        photo = resize_short_side(photo, side)
        y = int(top * (photo.shape[-2] - self.size_px + 1))
        x = int(left * (photo.shape[-1] - self.size_px + 1))
        crop = photo[..., y : y + self.size_px, x : x + self.size_px]
        return crop.flip(-1) if mirror < 0.5 else crop


def prefetch(
    batches: Batches, first_step: int, rows: range, *, ahead: int = 3
) -> Generator[tuple[Tensor, ...], None, None]:
    """These rows of the batches from `first_step` on, decoded by a thread while the network computes.

    A thread and not worker processes: inside ComfyUI the pack's classes cannot be pickled.
    """
    ready: queue.Queue[tuple[Tensor, ...] | BaseException] = queue.Queue(ahead)
    stop = threading.Event()

    def put(item: tuple[Tensor, ...] | BaseException) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.2)
                return

    def decode() -> None:
        step = first_step
        try:
            while not stop.is_set():
                put(batches.batch(step, rows))
                step += 1
        except BaseException as error:  # noqa: BLE001 - carried to the training thread and raised there
            put(error)

    thread = threading.Thread(target=decode, name="brushwork-photos", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
