"""Convolutions on streams of rows, with weights prepared once: plain, after a nearest ×2, and onto the three colours.

Two of them are rewritten, exactly, into cheaper ones:

- nearest ×2, then 3×3: every output pixel sees only 2×2 different inputs, so the four output phases are one transposed
  4×4 convolution with stride 2 of the small input: 4 instead of 9 multiplications. Padding of the large picture by one
  (reflect or replicate) is replication of the small one.
- k×k onto 3 channels: the processor's vectors hold 16 outputs, three would leave most of them empty. A (k+1)×(k+1)
  convolution with stride 2 computes the 2×2 neighbouring pixels of the three colours as twelve channels.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...architectures._layers import Conv2d, same_padding
from ...architectures._reshaped_convs import fold_nearest, fold_phases
from .rows import Rows, Write, block_rows
from .window import Padding, Window, even_padding, window_rows

CENTRING_ROWS = 8
"""Rows of the first piece whose mean is taken for the layer's: it need not be right, only near."""


class Convolution:
    """A layer's weights as they are multiplied.

    Args:
        layer: Stride 1 or 2; weights in float32 or better.
        dtype: Of the arithmetic and of the output.
        centre: Whether the output may be shifted to a mean of about zero, since a normalization follows.
    """

    scratch_bytes = 0
    """Memory of `apply` beside piece and output."""

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, *, centre: bool) -> None:
        weight = layer.weight.detach()
        self.channels, self.in_channels, self.kernel, _ = weight.shape
        self.stride = layer.stride[0]
        self.mode = layer.pad_with if isinstance(layer, Conv2d) else "none"
        self.dtype, self.centre = dtype, centre
        self.weight = self.prepare(weight).to(dtype)
        self.taps = weight.sum((2, 3))  # (C_out, C_in): what a constant input becomes
        self.bias = weight.new_zeros(self.channels) if layer.bias is None else layer.bias.detach()

    def prepare(self, weight: Tensor) -> Tensor:
        """The weight as it is multiplied, from (C_out, C_in, k, k)."""
        return weight.contiguous(memory_format=torch.channels_last)

    def apply(self, piece: Tensor, bias: Tensor) -> Tensor:
        """One padded piece of the input → output rows."""
        return F.conv2d(piece, self.weight, bias, self.stride)

    def rows_at_once(self, wanted: int, width: int, largest: int) -> int:
        """Rows of a piece's output, even for networks that compute two at once.

        Args:
            wanted: By the size of the cache, even.
            width: Of the output.
            largest: Numbers in a row of input or output, whichever has more.
        """
        # every call sorts the weights into the processor's order first: that must stay small beside the arithmetic
        return max(wanted, 4 * self.weight.numel() // largest // 2 * 2)

    def padding(self, height: int, width: int) -> Padding:
        """What the layer does at the borders of an input of this size."""
        if self.mode == "none":
            return even_padding("zero", 0)
        if self.mode == "same":
            vertical, horizontal = (same_padding(side, self.kernel, self.stride) for side in (height, width))
            return Padding("zero", *vertical, *horizontal)
        return even_padding(self.mode, self.kernel // 2)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output."""
        pad = self.padding(height, width)
        rows = (height + pad.top + pad.bottom - self.kernel) // self.stride + 1
        return rows, (width + pad.left + pad.right - self.kernel) // self.stride + 1

    def at(self, height: int, width: int) -> Stage:
        """This convolution in one run, on an input of this size."""
        return Stage(self, height, width)


def chained(convs: Iterable[Convolution], size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Memory of a stream through convolutions, one behind the other, and the height and width that come out."""
    total = 0
    for conv in convs:
        stage = conv.at(*size)
        total, size = total + stage.working_bytes, (stage.out_height, stage.out_width)
    return total, size


class UpsampleConvolution(Convolution):
    """Nearest ×2 and a 3×3 convolution as one transposed convolution of the small input."""

    def prepare(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, 3, 3) → (C_in, C_out, 4, 4)."""
        return fold_nearest(weight).contiguous(memory_format=torch.channels_last)

    def apply(self, piece: Tensor, bias: Tensor) -> Tensor:
        """Padding 3 takes off what the padded row and column on each side would have painted outside."""
        return F.conv_transpose2d(piece, self.weight, bias, stride=2, padding=3)

    def padding(self, height: int, width: int) -> Padding:
        """Of the small input."""
        return even_padding("zero" if self.mode == "zero" else "replicate", 1)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Twice the input."""
        return 2 * height, 2 * width


class ColourConvolution(Convolution):
    """Stride 1, onto few channels, computed for 2×2 pixels at once. Height and width of the input are even."""

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, *, centre: bool) -> None:
        super().__init__(layer, dtype, centre=centre)
        self.pad = self.kernel // 2
        self.kernel, self.stride = self.kernel + 1, 2

    def prepare(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, k, k) → (4 · C_out, C_in, k + 1, k + 1) in the order of pixel_shuffle."""
        return fold_phases(weight).contiguous(memory_format=torch.channels_last)

    def apply(self, piece: Tensor, bias: Tensor) -> Tensor:
        """Phases side by side → pixels."""
        phases = F.conv2d(piece, self.weight, bias.repeat_interleave(4), 2)
        return F.pixel_shuffle(phases, 2).contiguous(memory_format=torch.channels_last)

    def padding(self, height: int, width: int) -> Padding:
        """As the layer itself would."""
        return even_padding(self.mode, self.pad)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """As the input."""
        return height, width


class Stage:
    """A convolution in one run. `rows` may be asked for again and gives the same rows."""

    def __init__(self, conv: Convolution, height: int, width: int) -> None:
        self.conv, self.height, self.width = conv, height, width
        self.out_height, self.out_width = conv.out_size(height, width)
        self.bias: Tensor | None = None if conv.centre else conv.bias.to(conv.dtype)
        """What is added to the output. Before a normalization it is free: known after the first rows, or set before."""

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.conv.channels

    def rows(self, source: Rows, write: Write) -> Rows:
        """Convolve: blocks (1, C_out, r, out_width) in the convolution's dtype.

        Args:
            source: Rows of the input.
            write: What they become before they are convolved.
        """
        conv, device = self.conv, self.conv.weight.device
        pad, outputs = conv.padding(self.height, self.width), self._outputs
        window = Window(conv.in_channels, self.width, conv.kernel, conv.stride, pad, outputs, conv.dtype, device)
        for piece in window.pieces(source, write):
            if self.bias is None:
                self.bias = self._centring(piece)
            yield conv.apply(piece, self.bias)
        window.close()

    @property
    def _outputs(self) -> int:
        """Rows of a piece's output."""
        conv = self.conv
        pad = conv.padding(self.height, self.width)
        largest = max(
            conv.channels * self.out_width, conv.in_channels * (self.width + pad.left + pad.right) * conv.stride
        )
        wanted = block_rows(largest, 1, conv.dtype.itemsize, conv.weight.device)
        return conv.rows_at_once(wanted, self.out_width, largest)

    @property
    def working_bytes(self) -> int:
        """Memory of `rows` while it runs: the window, an output block and what is made of one."""
        conv, outputs = self.conv, self._outputs
        pad = conv.padding(self.height, self.width)
        window = window_rows(conv.kernel, conv.stride, pad, outputs) * (self.width + pad.left + pad.right)
        block = -(-outputs * self.out_height // max(1, self.height // conv.stride)) * self.out_width
        # what follows half precision is computed in float32
        blocks = 2 * block * conv.channels * max(4, conv.dtype.itemsize)
        return window * conv.in_channels * conv.dtype.itemsize + blocks + conv.scratch_bytes

    def _centring(self, piece: Tensor) -> Tensor:
        """Minus the mean that some of the first rows of the input let expect of the output."""
        work = torch.promote_types(piece.dtype, torch.float32)
        # torch sums bfloat16 in float32 seven times slower than it converts and sums
        some = piece[:, :, :: max(1, piece.shape[2] // CENTRING_ROWS)].permute(0, 2, 3, 1).flatten(0, 2).to(work)
        mean = some.sum(0) / len(some)
        return -(self.conv.taps.to(work) @ mean).to(self.conv.dtype)
