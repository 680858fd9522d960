"""A layer's whole output, kept until the next pass: in memory that is used again and again, or in a file."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ...errors import BrushworkError
from ...margin import Margin, mirrored_places, selected
from .rows import CPU, Rows, block_rows, empty_rows, reusable


class RowSource(Protocol):
    """Rows that can be read in any order, again and again."""

    height: int
    width: int
    channels: int

    def read(self, first: int, count: int) -> Tensor:
        """Rows `first` … `first + count − 1` as a block."""
        ...


class RowStore(RowSource, Protocol):
    """Rows that can be read and written in any order; what was read may be changed before it is written back."""

    def write(self, first: int, block: Tensor) -> None:
        """Put a block at row `first`."""
        ...


def stored_rows(store: RowSource, itemsize: int = 4, device: torch.device = CPU) -> Rows:
    """All rows of a store, top to bottom. What is written meanwhile must be above what was given out."""
    step = block_rows(store.width, store.channels, itemsize, device)
    for first in range(0, store.height, step):
        yield store.read(first, min(step, store.height - first))


class Extended:
    """A picture with a mirrored margin, whose last row and column are then repeated.

    Args:
        rows: (1, C, r, W) blocks.
        height: At least that of `rows` with its margin.
        width: At least that of `rows` with its margin.
        margin: Beyond the borders.
    """

    def __init__(self, rows: RowSource, height: int, width: int, margin: Margin = (0, 0)) -> None:
        self.rows, self.height, self.width, self.channels = rows, height, width, rows.channels
        self.margin = margin
        self._columns = torch.tensor(mirrored_places(rows.width, margin[1], 0, width))

    def read(self, first: int, count: int) -> Tensor:
        """A new block, or that of `rows` where nothing is repeated."""
        places = mirrored_places(self.rows.height, self.margin[0], first, count)
        start = min(places)
        block = selected(self.rows.read(start, max(places) + 1 - start), 2, places, start)
        return block if self.width == self.rows.width else block.index_select(3, self._columns.to(block.device))


class MemoryRows:
    """Rows in memory: (1, C, H, W), channels_last."""

    def __init__(self, data: Tensor) -> None:
        self.data = data
        _, self.channels, self.height, self.width = data.shape

    def read(self, first: int, count: int) -> Tensor:
        """A view."""
        return self.data[:, :, first : first + count]

    def write(self, first: int, block: Tensor) -> None:
        """Copied, unless it is the view that `read` gave."""
        target = self.data[:, :, first : first + block.shape[2]]
        if target.data_ptr() != block.data_ptr():
            target.copy_(block)


class FileRows:
    """Rows in a file without a name, by read and write: no page of it counts as the process's memory.

    Args:
        folder: Where the file is made.
        channels: C.
        height: H.
        width: W.
        dtype: Of the rows.
    """

    def __init__(self, folder: Path, channels: int, height: int, width: int, dtype: torch.dtype) -> None:
        self.channels, self.height, self.width, self.dtype = channels, height, width, dtype
        self._row_bytes = channels * width * dtype.itemsize
        self._file = tempfile.TemporaryFile(dir=folder, prefix="brushwork-", buffering=0)  # noqa: SIM115
        try:
            self._file.truncate(height * self._row_bytes)
        except OSError as error:
            self._file.close()
            raise _disk_error(folder, height * self._row_bytes, error) from error
        self._folder = folder
        weakref.finalize(self, self._file.close)

    def read(self, first: int, count: int) -> Tensor:
        """A new block."""
        block = empty_rows(self.channels, count, self.width, self.dtype, torch.device("cpu"))
        view = _bytes(block).numpy().data
        self._file.seek(first * self._row_bytes)
        done = 0
        while done < len(view):
            got = self._file.readinto(view[done:])
            if not got:
                raise _disk_error(self._folder, len(view), OSError("the temporary file ended early"))
            done += got
        return block

    def write(self, first: int, block: Tensor) -> None:
        """Written through to the file."""
        view = _bytes(block.to("cpu", self.dtype).contiguous(memory_format=torch.channels_last)).numpy().data
        self._file.seek(first * self._row_bytes)
        done = 0
        try:
            while done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            raise _disk_error(self._folder, self.height * self._row_bytes, error) from error


class Workspace:
    """Where a run keeps layers: named pieces of memory that the next run of the same size finds again.

    Fresh memory costs more than the arithmetic of a cheap layer: the system clears every page when it is first touched.

    Args:
        device: Of the memory.
        spill: Folder for files instead of memory; None: memory.
    """

    KEPT_BYTES = 768 << 20
    """What stays between two runs, at most."""

    def __init__(self, device: torch.device, spill: Path | None = None) -> None:
        self.device, self.spill = device, spill
        self._pieces: dict[str, Tensor] = {}

    def rows(self, name: str, channels: int, height: int, width: int, dtype: torch.dtype) -> RowStore:
        """A store under a name; what an earlier one of that name held is lost."""
        if self.spill is not None:
            return FileRows(self.spill, channels, height, width, dtype)
        count = channels * height * width
        piece = self._pieces.get(name)
        if piece is None or piece.dtype != dtype or piece.numel() < count or piece.numel() > 2 * count:
            self._pieces.pop(name, None)
            piece = self._pieces[name] = reusable(count, dtype, self.device)
        data = piece[:count].view(1, height, width, channels).permute(0, 3, 1, 2)
        return MemoryRows(data)

    def drop(self, prefix: str) -> None:
        """Give the pieces whose names start like this back now."""
        for name in [name for name in self._pieces if name.startswith(prefix)]:
            del self._pieces[name]

    def clear(self) -> None:
        """Give everything back now."""
        self._pieces.clear()

    def trim(self) -> None:
        """After a run: keep what is small."""
        if sum(piece.nbytes for piece in self._pieces.values()) > self.KEPT_BYTES:
            self._pieces.clear()


def free_disk_bytes(folder: Path) -> int:
    """Room in the file system of `folder`."""
    import shutil

    return shutil.disk_usage(folder).free


def _bytes(block: Tensor) -> Tensor:
    """The memory of a block as (n,) uint8, in the order rows, columns, channels."""
    flat = block.permute(0, 2, 3, 1).reshape(-1)
    return flat.view(torch.uint8)


def _disk_error(folder: Path, wanted: int, error: OSError) -> BrushworkError:
    return BrushworkError(
        f"The temporary file in {os.fspath(folder)} cannot hold this picture.",
        expected=f"{math.ceil(wanted / 2**20)} MiB of free disk",
        got=str(error),
        do="Free some disk, or point the environment variable TMPDIR at a larger one.",
    )
