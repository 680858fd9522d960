"""Where the styles of a picture are, and the runs that painting them takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...architectures import StyleCode
from ...margin import Margin
from .maps import Maps
from .norms import Norms, OwnNorms, SharedNorms
from .rows import Rows


class Places:
    """The masks of one picture's code, without styles that it does not use.

    Args:
        code: With weights (1, K, h, w), or (1, K) and a map of α.
        photo: Height and width that the masks cover.
        margin: Around them.
        picture: Height and width with it, and with the rows and columns that were repeated on the right and below.
        dtype: Of the network's arithmetic.
    """

    def __init__(
        self,
        code: StyleCode,
        photo: tuple[int, int],
        margin: Margin,
        picture: tuple[int, int],
        dtype: torch.dtype,
    ) -> None:
        masks = code.weights[0] if code.weights.ndim == 4 else code.weights[0, :, None, None]
        used = used_styles(masks)
        self.masks = masks[used].float()
        """(K, h, w), convex."""
        self.alpha = code.alpha[0].float() if isinstance(code.alpha, Tensor) else None
        """(1, h, w), if α changes from place to place."""
        self.features = tuple(part[used] for part in code.features)
        self.rows = None if code.features else _rows_of(code)[used]
        """For conditional networks: weights (K, S) over its styles."""
        self.regional = code.regional
        self._sizes = photo, margin, picture, torch.promote_types(dtype, torch.float32)

    @property
    def count(self) -> int:
        """Styles in use, and the photo's own where α changes from place to place."""
        return len(self.masks) + (self.alpha is not None)

    def maps(self, *, with_rest: bool = False) -> Maps:
        """Shares of the styles; `with_rest`: their shares of α, and one share more for what α leaves."""
        return Maps(self.masks, self.alpha if with_rest else None, *self._sizes)

    def alphas(self) -> Maps | None:
        """α as one map."""
        return None if self.alpha is None else Maps(self.alpha, None, *self._sizes)


def by_place(code: StyleCode | None) -> bool:
    """Whether styles or strength change from place to place."""
    return code is not None and (code.weights.ndim == 4 or isinstance(code.alpha, Tensor))


def map_bytes(code: StyleCode | None, height: int, width: int) -> int:
    """Memory of the maps of a picture: those of half and quarter resolution are kept as a whole, in float32."""
    if code is None or not by_place(code):
        return 0
    return (code.weights.shape[1] + isinstance(code.alpha, Tensor)) * height * width * 5 // 4


def used_styles(masks: Tensor) -> list[int]:
    """Whose masks (K, h, w) are not 0 everywhere."""
    return [k for k, used in enumerate((masks > 0).flatten(1).any(1).tolist()) if used]


def runs_by_place(finish: Callable[[Norms], Rows], maps: Maps, *, regional: bool) -> Rows:
    """A run of each style for its statistics, none of which paints, and one for all of them, which does.

    Args:
        finish: A run: all passes that measure, at once, and the rows of the last pass.
        maps: Shares of the styles.
        regional: Statistics of each style's region instead of the whole picture.
    """
    known = []
    for k in range(maps.count):
        norms = OwnNorms(k, maps if regional else None)
        rows = finish(norms)
        if maps.count == 1:
            return rows
        known.append(norms.known)
    return finish(SharedNorms(known, maps))


def _rows_of(code: StyleCode) -> Tensor:
    return torch.eye(code.weights.shape[1], device=code.weights.device) if code.rows is None else code.rows
