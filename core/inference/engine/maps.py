"""Shares of styles by place, at the resolution of every layer, a few rows at a time.

The rows that `core/masks.py` and `core/architectures/_mixing.py` would give of whole pictures.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...margin import Margin, mirrored_places, selected
from ...masks import resize_mask_rows
from .affine import MapRows, precise
from .rows import block_rows


class Maps:
    """Masks (K, h, w) of any size over a picture.

    Args:
        masks: (K, h, w), 0..1, convex over K unless `alpha` takes a part.
        alpha: (1, h, w), the share that the K have together; the rest goes to one more. None: they have everything.
        photo: Height and width that the masks cover.
        margin: Around them, in which they are mirrored.
        picture: Height and width with it, and with the rows and columns that were repeated on the right and below.
        dtype: Of reduced maps, float32 or better.
    """

    def __init__(
        self,
        masks: Tensor,
        alpha: Tensor | None,
        photo: tuple[int, int],
        margin: Margin,
        picture: tuple[int, int],
        dtype: torch.dtype,
    ) -> None:
        self.masks, self.alpha, self.dtype = masks.float(), alpha, dtype
        self.photo, self.margin, self.picture = photo, margin, picture
        self._reduced: dict[tuple[int, int], Tensor] = {}
        self._columns: dict[int, Tensor] = {}

    @property
    def count(self) -> int:
        """K, or K + 1."""
        return len(self.masks) + (self.alpha is not None)

    @property
    def shares(self) -> Tensor:
        """Of the photo, (K,) or (K + 1,), float64; roughly, where masks and α differ in size."""
        masks = precise(self.masks.mean((1, 2)))
        if self.alpha is None:
            return masks
        alpha = precise(self.alpha.float().mean((1, 2)))
        return torch.cat((masks * alpha, 1 - alpha))

    def at(self, height: int, width: int) -> MapRows:
        """Rows at the resolution of features of this size, as `style_maps` makes them."""
        if self._stride(height, width) == 1:
            return lambda first, count: _by_pixel(self._rows(first, first + count, width))
        reduced = self.whole(height, width)
        return lambda first, count: reduced[first : first + count].reshape(count * width, -1)

    def whole(self, height: int, width: int) -> Tensor:
        """All of them at a lower resolution, (height, width, K)."""
        size = (height, width)
        if size not in self._reduced:
            stride = self._stride(height, width)
            step = max(1, block_rows(self.picture[1], self.count, device=self.masks.device) // stride)
            parts = [self._reduce(first, min(step, height - first), size, stride) for first in range(0, height, step)]
            self._reduced[size] = torch.cat(parts)
        return self._reduced[size]

    def _stride(self, height: int, width: int) -> int:
        """Pixels per feature, a power of two."""
        return 2 ** max(0, math.ceil(math.log2(max(self.picture[0] / height, self.picture[1] / width))))

    def _reduce(self, first: int, count: int, size: tuple[int, int], stride: int) -> Tensor:
        """Rows at a lower resolution: one more on each side, for the filter, is computed and dropped."""
        above, below = min(1, first), min(1, size[0] - first - count)
        top, bottom = first - above, first + count + below
        full = self._rows(top * stride, bottom * stride, size[1] * stride).to(self.dtype)
        shrunk = F.interpolate(
            full[None], (bottom - top, size[1]), mode="bilinear", antialias=True, align_corners=False
        )[0].clamp(0, 1)
        return shrunk[:, above : above + count].permute(1, 2, 0).contiguous()

    def _rows(self, first: int, stop: int, width: int) -> Tensor:
        """Rows (K or K + 1, stop − first, width) at full resolution, mirrored and repeated beyond the photo."""
        places = mirrored_places(self.photo[0], self.margin[0], first, stop - first)
        top, bottom = min(places), max(places) + 1
        rows = resize_mask_rows(self.masks[None], self.photo, top, bottom)[0]
        if self.alpha is not None:
            alpha = resize_mask_rows(self.alpha.float()[None], self.photo, top, bottom)[0]
            rows = torch.cat((rows * alpha, 1 - alpha))
        rows = selected(rows, 1, places, top)
        if width == self.photo[1]:
            return rows
        if width not in self._columns:
            columns = mirrored_places(self.photo[1], self.margin[1], 0, width)
            self._columns[width] = torch.tensor(columns, device=rows.device)
        return rows.index_select(2, self._columns[width])


def _by_pixel(rows: Tensor) -> Tensor:
    """(K, r, W) → (r · W, K)."""
    return rows.permute(1, 2, 0).reshape(-1, len(rows))
