"""Streams of rows: a picture or a layer's output, from top to bottom, a few rows at a time.

A block is (1, C, r, W) in channels_last memory order, which is the order the fast convolutions of the CPU want and in
which r rows are one contiguous piece of memory. Stages are generators from blocks to blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..memory import available_bytes

Rows = Iterator[Tensor]
"""Blocks (1, C, r, W), channels_last, top to bottom, without gaps."""

Write = Callable[[Tensor, Tensor, int], None]
"""(block, out, first row): what a block becomes on its way into a convolution, written into `out` of the same shape."""

BLOCK_BYTES = 2 << 20
"""Size of a block: it and what is made of it stay in the processor's cache between one operation and the next."""
SHARE_OF_CARD = 32
"""A block on a card: that part of the memory which is free there. Many operations are slow there, not large ones."""
FEWEST_ROWS = 2
"""Of a picture that is wider than a block: as fast as eight, in a third of the memory."""
CPU = torch.device("cpu")


def block_rows(width: int, channels: int, itemsize: int = 4, device: torch.device = CPU) -> int:
    """Rows of a block: even, so that ×2 and /2 stages meet without remainders."""
    size = BLOCK_BYTES if device.type == "cpu" else _block_bytes_elsewhere(device)
    return max(FEWEST_ROWS, size // (width * channels * itemsize) // 2 * 2)


@functools.cache
def _block_bytes_elsewhere(device: torch.device) -> int:
    return max(BLOCK_BYTES, available_bytes(device) // SHARE_OF_CARD)


def empty_rows(channels: int, rows: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Uninitialised block (1, channels, rows, width)."""
    return torch.empty((1, channels, rows, width), dtype=dtype, device=device, memory_format=torch.channels_last)


def reusable(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Uninitialised (count,) for more than one run.

    A host runs us under inference_mode; tensors that are made there cannot be written to elsewhere, ordinary ones can.
    """
    with torch.inference_mode(False):
        return torch.empty(count, dtype=dtype, device=device)


def as_rows(x: Tensor, dtype: torch.dtype) -> Tensor:
    """(1, C, r, W) in any memory order → a block in `dtype`; `x` itself where it is one."""
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def copy(block: Tensor, out: Tensor, first: int) -> None:
    """The `Write` that changes nothing but the dtype."""
    out.copy_(block)


def relu(block: Tensor, out: Tensor, first: int) -> None:
    """The `Write` of layers without normalization."""
    torch.clamp(block, min=0, out=out)


class RowReader:
    """Rows by the number that is wanted, whatever the height of the blocks they come in."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Iterator[Tensor] = rows
        self._rest: Tensor | None = None

    def take(self, count: int) -> Tensor:
        """The next `count` rows."""
        parts: list[Tensor] = []
        while count:
            block = next(self._rows) if self._rest is None else self._rest
            part = block[:, :, :count]
            self._rest = block[:, :, count:] if block.shape[2] > count else None
            count -= part.shape[2]
            # the next block may be made in the same memory
            parts.append(part.clone(memory_format=torch.channels_last) if count else part)
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)
