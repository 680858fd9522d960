"""One door to all ways of giving a painting the colours of a photo, or of a third picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from ..errors import ConfigError, ImageError
from ..images import check_image, describe
from .lab import keep_color
from .luminance import transfer_luminance
from .palette import match_palette
from .statistics import match_covariance, match_histogram, match_lab

ColorMode = Literal["none", "luminance", "histogram", "coral", "keep", "lab", "palette"]
"""none: the painting's colours. luminance: the photo's chroma (YIQ) under the painting's light and dark.
histogram: every channel gets the photo's histogram. coral: the photo's mean colour and covariance.
keep: the photo's a* and b* (CIELAB), point by point. lab: mean and deviation of L*, a* and b*.
palette: the joint distribution of the photo's colours."""

POINT_BY_POINT = ("luminance", "keep")
"""Modes that need a photo of the painting's size, and cannot take another picture's colours."""

METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "luminance": transfer_luminance,
    "histogram": match_histogram,
    "coral": match_covariance,
    "keep": keep_color,
    "lab": match_lab,
    "palette": match_palette,
}


def check_color_mode(mode: str) -> ColorMode:
    """Return `mode`.

    Raises:
        ConfigError: It is none of `ColorMode`.
    """
    if mode not in get_args(ColorMode):
        raise ConfigError(
            f"There is no colour mode `{mode}`.",
            expected=" | ".join(get_args(ColorMode)),
            got=repr(mode),
            do="Choose one of these; `none` keeps the painting's colours.",
        )
    return cast(ColorMode, mode)


def check_palette(mode: ColorMode) -> None:
    """Whether a mode can take the colours of a third picture.

    Raises:
        ConfigError: It cannot.
    """
    if mode == "none" or mode in POINT_BY_POINT:
        raise ConfigError(
            f"The colour mode `{mode}` does not use a palette picture.",
            expected=" | ".join(name for name in METHODS if name not in POINT_BY_POINT),
            got=f"`{mode}` with a palette",
            do="Choose one of these, or leave the palette out.",
        )


def preserve_color(painting: Tensor, photo: Tensor, mode: ColorMode, amount: float = 1.0) -> Tensor:
    """Give `painting` the colours of `photo`.

    Args:
        painting: (B, 3, H, W), float, 0..1.
        photo: (B or 1, 3, H, W), same device; of any size unless the mode works point by point.
        mode: See `ColorMode`.
        amount: 0 (the painting's colours) to 1.

    Returns:
        (B, 3, H, W), 0..1, in the painting's dtype; `painting` itself for `none` and at amount 0. Inputs are not
        modified.

    Raises:
        ConfigError: Unknown mode, or an amount outside 0..1.
        ImageError: The pictures do not fit each other, or are no images.
    """
    mode = check_color_mode(mode)
    if not 0 <= amount <= 1:
        raise ConfigError(
            "The amount of colour is out of range.",
            expected="0 (the painting's colours) to 1 (those of the photo)",
            got=repr(amount),
            do="Choose a value from 0 to 1.",
        )
    if mode == "none" or amount == 0:
        return painting
    painting, photo = check_image(painting, "painting"), check_image(photo, "photo")
    if len(photo) not in (1, len(painting)):
        raise ImageError(
            "The photos do not fit the paintings.",
            expected=f"1 or {len(painting)} photos",
            got=describe(photo),
            do="Give one photo for all paintings, or one for each.",
        )
    if mode in POINT_BY_POINT and painting.shape[-2:] != photo.shape[-2:]:
        raise ImageError(
            "The light of one picture cannot be joined to the colours of another size.",
            expected=f"a photo of {painting.shape[-1]}×{painting.shape[-2]}",
            got=f"{photo.shape[-1]}×{photo.shape[-2]}",
            do="Give the photo that was painted, or resize it; histogram, coral, lab and palette take any size.",
        )
    recolored = METHODS[mode](painting, photo.expand(len(painting), -1, -1, -1))
    return recolored if amount == 1 else torch.lerp(painting, recolored, amount)
