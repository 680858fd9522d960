"""Where a painting covers the photo: the user's mask, and the masks of the styles."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import ImageError
from ..masks import check_mask, resize_mask
from ..style_model import StyleLayer, StyleSelection


def reach(style: StyleSelection, mask: Tensor | None, photo: Tensor) -> Tensor | None:
    """Share of the painting at every pixel: (1 or B, 1, H, W) on the photo's device, None: 1 everywhere.

    The user's mask times the coverage of the style layers (`layer_masks`).
    """
    masks = layer_masks(style, len(photo))
    own = None if mask is None else fit(mask, photo, "mask")
    if not masks:
        return own
    covered = coverage([_resized(layer, photo) for layer in masks])
    return covered if own is None else covered * own


def layer_masks(style: StyleSelection, batch: int) -> list[Tensor]:
    """The masks of a mix, (1 or B, 1, h, w) each, whose sum covers the photo; none where a style is everywhere."""
    if style is None or isinstance(style, str | int | Tensor | Mapping):
        return []
    layers = [layer for layer in style if isinstance(layer, StyleLayer) and layer.weight > 0]
    masks = [None if layer.mask is None else checked(layer.mask, batch, "mask of a style") for layer in layers]
    return [mask for mask in masks if mask is not None] if all(mask is not None for mask in masks) else []


def coverage(masks: list[Tensor]) -> Tensor:
    """Sum of masks of one size, at most 1, so that masks which complete each other leave nothing of the photo."""
    covered = masks[0]
    for mask in masks[1:]:
        covered = (covered + mask).clamp_max(1)
    return covered


def fit(mask: Tensor, photo: Tensor, name: str) -> Tensor | None:
    """A checked mask at the photo's size, on its device; None where it is 1 everywhere."""
    own = checked(mask, len(photo), name)
    return None if own is None else _resized(own, photo)


def checked(mask: Tensor, batch: int, name: str) -> Tensor | None:
    """A mask as (1 or B, 1, h, w); None where it is 1 everywhere.

    Raises:
        ImageError: It is no mask, or not for this batch.
    """
    own = check_mask(mask, name)
    if len(own) not in (1, batch):
        raise ImageError(
            f"The `{name}` does not fit the batch.",
            expected=f"1 or {batch} masks",
            got=str(len(own)),
            do="Give one mask for all pictures, or one for each.",
        )
    return None if bool((own == 1).all()) else own


def _resized(mask: Tensor, photo: Tensor) -> Tensor:
    work = torch.promote_types(photo.dtype, torch.float32)
    return resize_mask(mask.to(photo.device, work), *photo.shape[-2:])
