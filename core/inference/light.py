"""Linear light, with values beyond white: shown to a network as it knows pictures, and given back as light."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..color import linear_to_srgb, srgb_to_linear
from ..errors import ConfigError
from ..images import check_image, split_alpha

Encoding = Literal["srgb", "linear"]
"""srgb: display values, as in almost every file. linear: light, as renderers and EXR files have it."""


def check_encoding(encoding: str) -> None:
    """Raises ConfigError for anything but `Encoding`."""
    if encoding not in get_args(Encoding):
        raise ConfigError(
            f"There is no encoding `{encoding}`.",
            expected=" | ".join(get_args(Encoding)),
            got=repr(encoding),
            do="Choose srgb for ordinary pictures, linear for EXR and renders.",
        )


class Light:
    """The way from linear light to display values and back.

    What is brighter than white is shown as the colour that it has at white, and gets its brightness again, so that
    lamps and reflections stay lights in the painting. What the painting leaves as it was comes back bit for bit.

    Args:
        photo: (B, 1, 3 or 4, H, W), floating point, linear, any finite value; negative light is shown as black.

    Raises:
        ImageError: No picture, or NaN or infinite values in it.
    """

    def __init__(self, photo: Tensor) -> None:
        check_image(photo, "photo", channels=(1, 3, 4))
        light, _ = split_alpha(photo)
        self.photo = photo
        self.headroom = light.amax(1, keepdim=True).clamp_min(1)
        """(B, 1, H, W): the brightest channel, at least 1."""
        self.shown = photo.clone()
        self.shown[:, : light.shape[1]] = linear_to_srgb((light / self.headroom).clamp(0, 1))
        self.shown = self.shown.clamp(0, 1)

    def back(self, painting: Tensor) -> Tensor:
        """The painting of `shown`, (B, 3 or 4, H, W) → linear light."""
        rgb, alpha = split_alpha(painting)
        before = self.shown[:, :3].expand_as(rgb)
        light = srgb_to_linear(rgb) * self.headroom
        light = torch.where(rgb == before, self.photo[:, :3].expand_as(rgb), light)
        return light if alpha is None else torch.cat((light, self.photo[:, 3:]), 1)
