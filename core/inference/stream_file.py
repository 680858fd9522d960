"""From picture file to picture file, for pictures that are large as tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..errors import BrushworkError
from ..pictures.rows import PictureRows, picture_size, read_rows
from ..pictures.write import check_writable, encoder_bytes, write_rows
from .engine.rows import empty_rows
from .engine.store import FileRows, MemoryRows, RowStore, free_disk_bytes
from .memory import give_back_freed_memory
from .painter import scratch_folder, too_small_a_bound
from .stream import Painting, Stream
from .stylizer import StripFn, Stylizer

LARGE_PIXELS = 1 << 23
"""8 megapixels: from here on a picture goes through by rows even where there is memory. It costs no time."""

WHOLE_BYTES = 60
"""A pixel as photo, painting and what is made of them on the way to a file, as tensors."""


def is_large(path: str | Path, stylizer: Stylizer) -> bool:
    """Whether a picture file is so large, or memory so short, that it should not become a tensor."""
    size = picture_size(path)
    pixels = 0 if size is None else size[0] * size[1]
    return pixels >= LARGE_PIXELS or pixels * WHOLE_BYTES > stylizer.painter.bound


def stream_file(
    stylizer: Stylizer,
    source: str | Path,
    target: str | Path,
    painting: Painting,
    *,
    quality: int = 95,
    on_strip: StripFn | None = None,
) -> str:
    """Stylize a file by rows: the same picture as read, painted and written as a whole.

    In memory are the photo in its 8 or 16 bits and the layers that the bound of the Stylizer allows; what it does not
    allow lies in files without names, which are read and written, never mapped.

    Args:
        stylizer: The model.
        source: As for `read_picture`.
        target: As for `write_picture`.
        painting: How.
        quality: As for `write_picture`.
        on_strip: See `StripFn`.

    Returns:
        Empty: it is written. Else why this picture can only be painted as a whole; nothing was done.

    Raises:
        BrushworkError: As for reading, painting and writing; too little disk, or a memory bound that cannot be held,
            before work begins.
    """
    target = Path(target)
    if check_writable(target) == "EXR":
        return "linear light is written as a whole"
    rows = read_rows(source)
    if rows is None:
        return "its pixels are floating point"
    stream = Stream(stylizer, rows.height, rows.width, painting)
    if stream.whole:
        return stream.whole
    painter = stylizer.painter
    encoder = encoder_bytes(target, rows.height, rows.width, quality)
    painting_bytes = painter.working_bytes(rows.height, rows.width, stream.code) + encoder
    _check_bound(painter.max_memory, rows, painting_bytes, encoder)
    scratch = _Scratch(painter.bound, rows, target, max(rows.decoding, painting_bytes))
    photo = scratch.room(rows.channels, torch.uint16 if rows.like.bit_depth > 8 else torch.uint8)
    kept = scratch.room(3, torch.float32) if stream.keeps_painting else None
    on_disk = scratch.check_disk()
    beside = scratch.in_memory + encoder
    plans = painter.plans(rows.height, rows.width, code=stream.code, beside=beside, beside_on_disk=on_disk)
    store = photo()
    first = 0
    for block in rows.blocks:
        store.write(first, torch.from_numpy(block).permute(2, 0, 1)[None])
        first += len(block)
        if on_strip is not None:
            on_strip(0.0)
    give_back_freed_memory()  # the decoder's
    blocks = stream.rows(Integers(store), plans, kept, on_strip)
    write_rows(blocks, rows.height, rows.width, rows.channels, target, rows.like, quality)
    return ""


class Integers:
    """Integer rows as 0..1.

    Args:
        store: uint8 or uint16.
    """

    def __init__(self, store: RowStore) -> None:
        self.store, self.height, self.width, self.channels = store, store.height, store.width, store.channels

    def read(self, first: int, count: int) -> Tensor:
        """(1, C, r, W), float32."""
        block = self.store.read(first, count)
        return block.float() / (255 if block.dtype == torch.uint8 else 65535)


def _check_bound(bound: int | None, rows: PictureRows, painting: int, encoder: int) -> None:
    """Raises BrushworkError where decoding or painting cannot be done in the memory that the user allows."""
    if bound is None:
        return
    if rows.decoding > bound:
        what = "or store it as TIFF, which is decoded by rows"
        raise too_small_a_bound(rows.height, rows.width, max(rows.decoding, painting), bound, what)
    if painting > bound:
        what = "or write PNG or TIFF, which are encoded by rows" if encoder else ""
        raise too_small_a_bound(rows.height, rows.width, painting, bound, what)


class _Scratch:
    """Rooms for pictures of one size, in memory as long as they take less than half of the bound, then on the disk.

    Args:
        bound: Bytes of memory.
        rows: The photo.
        target: Where the finished file goes.
        taken: Bytes of the bound that are needed otherwise.
    """

    def __init__(self, bound: int, rows: PictureRows, target: Path, taken: int) -> None:
        self.size, self.folder = (rows.height, rows.width), scratch_folder()
        self._limit = min(bound // 2, bound - taken)
        self.in_memory = self.on_disk = 0
        self._target = next(folder for folder in target.absolute().parents if folder.exists())
        self._output = rows.height * rows.width * rows.channels * (2 if rows.like.bit_depth > 8 else 1)

    def room(self, channels: int, dtype: torch.dtype) -> Callable[[], RowStore]:
        """Reserve a room; it is made when it is called for."""
        size = channels * self.size[0] * self.size[1] * dtype.itemsize
        if self.in_memory + size <= self._limit:
            self.in_memory += size
            return lambda: MemoryRows(empty_rows(channels, *self.size, dtype, torch.device("cpu")))
        self.on_disk += size
        return lambda: FileRows(self.folder, channels, *self.size, dtype)

    def check_disk(self) -> int:
        """Bytes that will be taken where the rooms are: these and, on the same disk, the finished file.

        Raises:
            BrushworkError: They, or the finished file, do not fit.
        """
        together = self.folder.stat().st_dev == self._target.stat().st_dev
        needed = self.on_disk + (self._output if together else 0)
        for folder, size in ((self.folder, needed), (self._target, self._output)):
            if size > free_disk_bytes(folder):
                raise BrushworkError(
                    f"A painting of {self.size[1]}×{self.size[0]} px does not fit on the disk.",
                    expected=f"{size / 2**30:.1f} GiB free in {folder}",
                    got=f"{free_disk_bytes(folder) / 2**30:.1f} GiB",
                    do="Free some disk, or name another place; what lies there meanwhile goes where TMPDIR points.",
                )
        return needed
