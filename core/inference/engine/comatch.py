"""CoMatch over rows: a C×C matrix for each style, and the Gram matrix of features that come in blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...architectures.comatch import CoMatch
from .affine import MapRows, precise
from .rows import Rows


class GramMatrix:
    """Φ(F) Φ(F)ᵀ / (C·H·W) of a layer whose rows come in blocks, in float64."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._count = 0

    def through(self, rows: Rows) -> Rows:
        """Pass rows on and take them in."""
        for block in rows:
            values = precise(block.permute(0, 2, 3, 1).flatten(0, 2))  # (r · W, C)
            product = values.T @ values
            self._sum = product if self._sum is None else self._sum.add_(product)
            self._count += values.numel()
            yield block

    @property
    def value(self) -> Tensor:
        """(C, C), float64."""
        assert self._sum is not None  # noqa: S101 - rows have gone through
        return self._sum / self._count


def comatch_matrices(comatch: CoMatch, grams: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """CoMatch as 1×1 convolutions (C, C, 1, 1), for each of the Gram matrices (S, C, C)."""
    device = comatch.weight.device
    matrices = comatch.matrix(grams.to(device)).detach()
    return [matrix.to(dtype)[:, :, None, None].contiguous() for matrix in matrices]


def matched_rows(rows: Rows, matrices: Sequence[Tensor], maps: MapRows | None) -> Rows:
    """Ŷ = (W G(S))ᵀ F   (eq. 9), in the dtype of the matrices.

    Args:
        rows: F.
        matrices: Of one style, or of all in their places.
        maps: Shares of the styles; None: the first one's is everywhere 1.
    """
    first = 0
    for block in rows:
        block = block.to(matrices[0].dtype)
        if maps is None:
            yield F.conv2d(block, matrices[0])
            continue
        count = block.shape[2]
        shares = maps(first, count).to(block)
        first += count
        total = torch.zeros_like(block)
        for k, matrix in enumerate(matrices):
            total.addcmul_(F.conv2d(block, matrix), shares[:, k].view(1, 1, count, -1))
        yield total
