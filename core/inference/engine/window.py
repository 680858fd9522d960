"""The sliding window between two layers: rows come in, padded pieces high enough for a convolution come out."""

from __future__ import annotations

import threading
from typing import NamedTuple

import torch
from torch import Tensor

from .rows import Rows, Write, reusable


class Padding(NamedTuple):
    """How a layer continues its input beyond the borders."""

    mode: str
    """reflect | replicate | zero."""
    top: int
    bottom: int
    left: int
    right: int


def even_padding(mode: str, amount: int) -> Padding:
    """The same amount on all sides."""
    return Padding(mode, amount, amount, amount, amount)


def window_rows(kernel: int, stride: int, padding: Padding, outputs: int) -> int:
    """Rows that a window holds for pieces of so many output rows."""
    # the mirrored rows at the top need the rows below them before the first piece is given out
    return max(kernel + stride * (outputs - 1), kernel + padding.bottom, 2 * padding.top + 1)


class Buffers:
    """Memory of windows that no stream needs at the moment, of all engines: whoever comes next finds it touched.

    That of the processor only: torch itself keeps what is freed on a card.
    """

    IDLE_BYTES = 32 << 20
    """What waits for the next window, at most. A wide picture's windows are given back to the system."""

    def __init__(self) -> None:
        self._idle: list[Tensor] = []
        self._lock = threading.Lock()

    def take(self, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """(≥ count,), uninitialised, the caller's until it is given back or forgotten."""
        with self._lock:
            fits = [p for p in self._idle if (p.dtype, p.device) == (dtype, device) and count <= p.numel() <= 4 * count]
            if fits:
                piece = min(fits, key=Tensor.numel)
                self._idle = [other for other in self._idle if other is not piece]
                return piece
            self._make_room(count * dtype.itemsize)
        return reusable(count, dtype, device)

    def give(self, piece: Tensor) -> None:
        """What `take` gave."""
        if piece.device.type != "cpu":
            return
        with self._lock:
            self._make_room(piece.nbytes)
            if piece.nbytes <= self.IDLE_BYTES:
                self._idle.append(piece)

    def _make_room(self, wanted: int) -> None:
        if sum(piece.nbytes for piece in self._idle) + wanted > self.IDLE_BYTES:
            self._idle.clear()


BUFFERS = Buffers()


class Window:
    """A buffer of padded rows. Every input row is written once; between two pieces the overlap moves to the top.

    Args:
        channels: Of the input.
        width: Of the input, without padding; more than the padding where that is `reflect`.
        kernel: Height of the convolution.
        stride: Of the convolution.
        padding: See `Padding`.
        outputs: Output rows of a full piece; the last piece of a picture may have fewer.
        dtype: Of the pieces.
        device: Where they are.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int,
        stride: int,
        padding: Padding,
        outputs: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.kernel, self.stride, self.padding, self.width = kernel, stride, padding, width
        self.capacity = window_rows(kernel, stride, padding, outputs)
        padded = width + padding.left + padding.right
        count = channels * self.capacity * padded
        self._piece_of_memory = BUFFERS.take(count, dtype, device)
        rows = self._piece_of_memory[:count].view(1, self.capacity, padded, channels)
        self.buffer = rows.permute(0, 3, 1, 2)
        if padding.mode == "zero":
            self.buffer.zero_()
        self.filled = 0

    def pieces(self, rows: Rows, write: Write) -> Rows:
        """Padded pieces (1, C, kernel + stride · (n − 1), W + left + right) for n output rows each.

        A piece is a view of the buffer, valid until the next one is asked for.

        Args:
            rows: The input; blocks may be of any height.
            write: What happens to them on the way.
        """
        pad = self.padding
        self.filled, seen, topped = pad.top, 0, pad.top == 0
        for block in rows:
            start, height = 0, block.shape[2]
            while start < height:
                count = min(self.capacity - self.filled, height - start)
                target = self.buffer[:, :, self.filled : self.filled + count]
                write(block[:, :, start : start + count], target[..., pad.left : pad.left + self.width], seen)
                self._pad_columns(target)
                self.filled, seen, start = self.filled + count, seen + count, start + count
                if not topped and seen > pad.top:
                    self._pad_top()
                    topped = True
                if self.filled == self.capacity:
                    yield from self._piece()
        if self.filled + pad.bottom > self.capacity:
            yield from self._piece()
        self._pad_bottom()
        yield from self._piece()

    def close(self) -> None:
        """Give the memory back, once no piece is needed any more."""
        BUFFERS.give(self._piece_of_memory)
        del self._piece_of_memory, self.buffer

    def _piece(self) -> Rows:
        count = (self.filled - self.kernel) // self.stride + 1
        if count < 1:
            return
        yield self.buffer[:, :, : self.kernel + self.stride * (count - 1)]
        used = count * self.stride
        rest = self.buffer[:, :, used : self.filled]
        self.filled = max(0, self.filled - used)
        if self.filled:
            self.buffer[:, :, : self.filled] = rest if self.filled <= used else rest.clone()

    def _pad_columns(self, target: Tensor) -> None:
        pad, right = self.padding, self.padding.left + self.width
        if pad.mode == "zero" or not pad.left:
            return
        if pad.left == pad.right == 1 and self.width > 3:  # both sides at once
            inner = (2, self.width - 3) if pad.mode == "reflect" else (1, self.width - 1)
            target[..., :: self.width + 1] = target[..., inner[0] : inner[0] + inner[1] + 1 : inner[1]]
        elif pad.mode == "reflect":
            target[..., : pad.left] = target[..., pad.left + 1 : 2 * pad.left + 1].flip(-1)
            target[..., right:] = target[..., right - 1 - pad.right : right - 1].flip(-1)
        else:
            target[..., : pad.left] = target[..., pad.left : pad.left + 1]
            target[..., right:] = target[..., right - 1 : right]

    def _pad_top(self) -> None:
        pad, rows = self.padding, self.buffer
        for i in range(1, pad.top + 1):
            if pad.mode == "zero":
                rows[:, :, pad.top - i] = 0
            else:
                rows[:, :, pad.top - i] = rows[:, :, pad.top + (i if pad.mode == "reflect" else 0)]

    def _pad_bottom(self) -> None:
        pad, rows, last = self.padding, self.buffer, self.filled - 1
        for i in range(1, pad.bottom + 1):
            if pad.mode == "zero":
                rows[:, :, last + i] = 0
            else:
                rows[:, :, last + i] = rows[:, :, last - (i if pad.mode == "reflect" else 0)]
        self.filled += pad.bottom
