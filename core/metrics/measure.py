"""The meter: all numbers of a painting in one call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from ..errors import ConfigError, ImageError
from ..images import check_image, mirror_to_side, resize_image
from ..losses.encoders import EncoderStack
from ..losses.ssim import ssim
from .perceptual import feature_distance, relative_content_loss, relative_style_loss
from .structure import border, checkerboard, seam

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_1"
SMALLEST_SIDE_PX = 32
"""A loss network sees smaller pictures continued by their mirror image to this side: what is left of it in front of
relu5_1 is two positions, which reflection padding needs."""
SAME_SHAPE = 0.02
"""Relative difference of aspect ratios up to which a photo is scaled to its painting."""


@dataclass(frozen=True)
class Measurement:
    """One painting. Units and meaning: see the functions of this folder."""

    style: float
    """0 = the style's statistics, 1 = no nearer to them than the photo."""
    content: float
    """0 = the photo's features, 1 = none of their variance is left."""
    ssim: float
    """Structural similarity with the photo, 1 = equal."""
    distance: float
    """Distance of unit-length features from the photo's, 0..2."""
    seam: float
    """Step at the wrap-around over the steps inside: of tiles, at most about 1. NaN where a side is 1 px."""
    border: float
    """Detail at the border, 1 = as in the photo. NaN below 32 px."""
    checkerboard: float
    """Patterns of 2 and 4 px in dB, 0 = none. NaN below 16 px."""

    def to_dict(self) -> dict[str, float | None]:
        """JSON-ready form: NaN is None."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


class Meter:
    """Measures paintings with one encoder; the features of the last style and photo are kept.

    Args:
        encoder: Loss network. Layers of `STYLE_LAYERS` that it lacks do not count.

    Raises:
        ConfigError: The encoder lacks the content layer.
    """

    def __init__(self, encoder: EncoderStack) -> None:
        known = encoder.layer_names()
        self.encoder = encoder
        self.layers = [layer for layer in STYLE_LAYERS if layer in known]
        if CONTENT_LAYER not in known:
            raise ConfigError(
                "This encoder cannot measure content.",
                expected=f"an encoder with {CONTENT_LAYER}",
                got=", ".join(known),
                do="Use compact, vgg16 or vgg19, or give a second encoder that has the layer.",
            )
        self._kept: dict[str, tuple[Tensor, dict[str, Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, stylized: Tensor, photo: Tensor, style: Tensor) -> Measurement:
        """Measure one painting, at the sizes given.

        Features and SSIM are those of `seen_by_encoder` where a side is below 32 px; what has no meaning there is NaN.

        Args:
            stylized: (1, 3, H, W), 0..1.
            photo: (1, 3, h, w); scaled to the painting where only the size differs.
            style: (1, 3, any, any).

        Raises:
            ImageError: No picture, or photo and painting of another shape.
        """
        stylized, photo, style = (
            check_image(image, name) for image, name in ((stylized, "painting"), (photo, "photo"), (style, "style"))
        )
        photo = _fitted(photo, stylized)
        own, of_photo = self._features(stylized, ""), self._features(photo, "photo")
        return Measurement(
            style=float(relative_style_loss(own, of_photo, self._features(style, "style"))),
            content=float(relative_content_loss(own[CONTENT_LAYER], of_photo[CONTENT_LAYER])),
            ssim=float(ssim(seen_by_encoder(stylized), seen_by_encoder(photo))),
            distance=float(feature_distance(own, of_photo)),
            seam=float(seam(stylized)),
            border=float(border(stylized, photo)),
            checkerboard=float(checkerboard(stylized)),
        )

    def _features(self, image: Tensor, slot: str) -> dict[str, Tensor]:
        kept = self._kept.get(slot)
        if kept is not None and kept[0].shape == image.shape and torch.equal(kept[0], image):
            return kept[1]
        features = self.encoder.features(seen_by_encoder(image), self.layers)
        if slot:
            self._kept[slot] = (image, features)
        return features


def mean_of(measurements: Sequence[Measurement]) -> Measurement:
    """Mean of every number; NaN does not count."""

    def mean(values: Iterable[float]) -> float:
        finite = [value for value in values if not math.isnan(value)]
        return sum(finite) / len(finite) if finite else math.nan

    names = Measurement.__dataclass_fields__
    return Measurement(**{name: mean(getattr(one, name) for one in measurements) for name in names})


def seen_by_encoder(image: Tensor) -> Tensor:
    """The picture (B, C, H, W) as a loss network can look at it: sides of at least `SMALLEST_SIDE_PX`, by mirrors.

    Not enlarged: strokes of 8 px stay strokes of 8 px, and statistics stay those of the picture.
    """
    return mirror_to_side(image, SMALLEST_SIDE_PX)


def _fitted(photo: Tensor, stylized: Tensor) -> Tensor:
    (height, width), (own_height, own_width) = photo.shape[-2:], stylized.shape[-2:]
    if abs(math.log(width * own_height / (height * own_width))) > SAME_SHAPE:
        raise ImageError(
            "Photo and painting do not belong together.",
            expected=f"a photo of {own_width}×{own_height}, or the same shape in another size",
            got=f"{width}×{height}",
            do="Give the photo that was painted.",
        )
    return resize_image(photo, own_height, own_width)
