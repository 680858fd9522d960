"""3×3 convolutions in a quarter of the multiplications: Winograd's F(4×4, 3×3)   (Lavin & Gray, arXiv 1509.09308).

Sixteen output pixels depend on 6×6 of the input. Seen as polynomials, rows and columns are convolved by multiplying
their values at six points (0, ±1, ±2, ∞): Y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A, 36 multiplications a channel instead of 144.
Over all channels and many tiles the product ⊙ is 36 matrix products. The transforms are matrix products too: a
processor multiplies faster than it goes through memory, and additions one by one would go through it a dozen times.

What it costs is accuracy: in float32 the result is five times as far from float64 as that of the direct convolution,
1e-6 of its deviation. Half precision would lose too much.
"""

from __future__ import annotations

import functools
import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Convolution
from .rows import empty_rows
from .window import BUFFERS

TILE = 4
"""Output pixels of a tile along each axis."""
POINTS = 6
"""Pixels of the input that a tile depends on along each axis, and points at which polynomials are evaluated."""
AT_ONE = POINTS + 1
"""Which of the 36 products has both points at 1: what is added there is added to all pixels of a tile."""
TILES = 128
"""That are multiplied at once, about: 36 matrices of so many rows, and as many products, stay near the processor."""
MOST_TILES = TILES * 3 // 2
FEWEST_CHANNELS = 96
"""In and out, from which on the transforms cost less than the multiplications that they spare."""
LEAST_GAIN = 1.1
"""Of the trial, below which the direct convolution stays: it is more accurate. The trial's few tiles gain less than a
picture's, but a millisecond is short enough that other programs leave some of its turns alone."""
TRIALS = 12
LONGEST_TRIAL_S = 0.12
"""Before it is said that nothing is gained: a busy machine may disturb all of the first turns."""

INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
"""Bᵀ."""
KERNEL = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
"""G."""
OUTPUT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
"""Aᵀ."""


class WinogradConvolution(Convolution):
    """A 3×3 convolution of stride 1, on the CPU.

    Args:
        layer: Weights in float32 or better.
        dtype: Of the arithmetic and of the output: float32 or float64.
        centre: See `Convolution`.
    """

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, *, centre: bool) -> None:
        super().__init__(layer, dtype, centre=centre)
        self.rest = super().prepare(layer.weight.detach()).to(dtype)
        """For the rows and columns behind the last whole tile."""
        self.of_input = torch.tensor(INPUT, dtype=dtype)
        of_output = torch.tensor(OUTPUT, dtype=dtype)
        self.of_output = torch.kron(of_output, of_output)  # (16, 36)

    def prepare(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, 3, 3) → G w Gᵀ as 36 matrices (C_in, C_out): all rows' points for each point of the columns."""
        points = torch.tensor(KERNEL, dtype=torch.float64)
        products = torch.einsum("jx,iy,koyx->jiok", points, points, weight.double())
        return products.reshape(POINTS**2, *products.shape[2:]).contiguous()

    def rows_at_once(self, wanted: int, width: int, largest: int) -> int:
        """Whole products of tiles."""
        step = TILE * arranged(width // TILE)[0]
        return -(-wanted // step) * step

    @property
    def scratch_bytes(self) -> int:
        """Memory of `apply` beside piece and output."""
        return 2 * self._numbers(MOST_TILES) * self.dtype.itemsize

    def _numbers(self, tiles: int) -> int:
        """Of tiles at all points, before or behind the product."""
        return POINTS**2 * tiles * max(self.in_channels, self.channels)

    def apply(self, piece: Tensor, bias: Tensor) -> Tensor:
        """One padded piece of the input → output rows; those behind the last whole tile by the direct convolution."""
        rows, columns = piece.shape[2] - 2, piece.shape[3] - 2
        out = empty_rows(self.channels, rows, columns, self.dtype, piece.device)
        down, across = rows // TILE, columns // TILE
        if down and across:
            high, wide = arranged(across)
            count = self._numbers(min(high, down) * wide)
            scratch = [BUFFERS.take(count, self.dtype, piece.device) for _ in range(2)]
            before, after = (picture[0].permute(1, 2, 0) for picture in (piece, out))
            for top in range(0, down, high):
                for left in range(0, across, wide):
                    below, right = TILE * min(top + high, down), TILE * min(left + wide, across)
                    self._tiles(
                        before[TILE * top : below + 2, TILE * left : right + 2],
                        after[TILE * top : below, TILE * left : right],
                        bias,
                        scratch,
                    )
            for memory in scratch:
                BUFFERS.give(memory)
        down, across = TILE * down, TILE * across
        if down < rows:
            out[:, :, down:] = F.conv2d(piece[:, :, down:], self.rest, bias)
        if across < columns and down:
            out[:, :, :down, across:] = F.conv2d(piece[:, :, : down + 2, across:], self.rest, bias)
        return out

    def _tiles(self, before: Tensor, after: Tensor, bias: Tensor, scratch: list[Tensor]) -> None:
        """Whole tiles: (4 T + 2, 4 S + 2, C_in) → (4 T, 4 S, C_out), rows of which may lie apart."""
        _, columns, c_in = before.shape
        down, across, c_out = after.shape[0] // TILE, after.shape[1] // TILE, after.shape[2]
        count = down * across

        def memory(place: int, *shape: int) -> Tensor:
            return scratch[place][: math.prod(shape)].view(shape)

        # Bᵀ d: six rows of every four, which overlap
        row = before.stride(0)
        overlapping = before.as_strided((down, POINTS, columns * c_in), (TILE * row, row, 1))
        tall = memory(1, down, POINTS, columns * c_in)
        torch.bmm(self.of_input.expand(down, -1, -1), overlapping, out=tall)
        # (Bᵀ d) B: six columns of every four, brought together for one product
        strides = (c_in, columns * c_in, POINTS * columns * c_in, TILE * c_in, 1)
        tiles = memory(0, POINTS, POINTS, down, across, c_in).copy_(
            tall.as_strided((POINTS, POINTS, down, across, c_in), strides)
        )
        points = memory(1, POINTS, POINTS * count * c_in)
        torch.mm(self.of_input, tiles.view(POINTS, -1), out=points)
        products = memory(0, POINTS**2, count, c_out)
        torch.bmm(points.view(POINTS**2, count, c_in), self.weight, out=products)
        products[AT_ONE].add_(bias)
        pixels = memory(1, TILE**2, count * c_out)
        torch.mm(self.of_output, products.view(POINTS**2, -1), out=pixels)
        in_place = after.view(down, TILE, across, TILE, c_out).permute(3, 1, 0, 2, 4)
        in_place.copy_(pixels.view(TILE, TILE, down, across, c_out))


def arranged(across: int) -> tuple[int, int]:
    """Rows and columns of tiles for one product, given those in a row of the picture: about TILES in all."""
    wide = -(-across // max(1, round(across / TILES)))
    return max(1, round(TILES / max(1, wide))), wide


def fastest(layer: nn.Conv2d, dtype: torch.dtype, *, centre: bool) -> Convolution:
    """A layer by Winograd's algorithm where this machine is faster with it, else as it is."""
    suits = (
        dtype in (torch.float32, torch.float64)
        and layer.weight.device.type == "cpu"
        and layer.kernel_size == (3, 3)
        and layer.stride == (1, 1)
        and min(layer.in_channels, layer.out_channels) >= FEWEST_CHANNELS
    )
    kind = WinogradConvolution if suits and pays_here() else Convolution
    return kind(layer, dtype, centre=centre)


@functools.cache
def pays_here() -> bool:
    """Whether this machine's matrix products are so fast, beside its convolutions, that fewer multiplications pay.

    Tried once in a process, since it depends on libraries and processors that nobody can list: in some 30 ms where it
    pays, else until LONGEST_TRIAL_S is over.
    """
    with torch.device("meta"):  # so that nobody's random numbers are drawn
        layer = nn.Conv2d(128, 128, 3, bias=False)
    layer.weight = nn.Parameter(torch.ones(128, 128, 3, 3), requires_grad=False)
    convs = [kind(layer, torch.float32, centre=False) for kind in (Convolution, WinogradConvolution)]
    piece, bias = torch.ones(1, 128, 18, 66).contiguous(memory_format=torch.channels_last), torch.zeros(128)
    shortest = [math.inf for _ in convs]
    deadline = time.perf_counter() + LONGEST_TRIAL_S
    turns = 0
    while True:
        turns += 1
        for place, conv in enumerate(convs):
            began = time.perf_counter()
            conv.apply(piece, bias)
            shortest[place] = min(shortest[place], time.perf_counter() - began)
        gains = shortest[0] >= LEAST_GAIN * shortest[1]
        if turns >= TRIALS and (gains or time.perf_counter() >= deadline):
            return gains
