"""The ceiling for a photo and a painting: the best style loss that pixels can have at a given content loss.

Gatys, Ecker, Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks": the pixels themselves are
optimised. No network can do better by this measure: the distance to it is what a network leaves on the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ConfigError
from ..images import check_image
from ..losses.encoders import EncoderStack
from ..metrics.measure import CONTENT_LAYER, STYLE_LAYERS, seen_by_encoder
from ..metrics.perceptual import relative_content_loss, relative_style_loss
from .pixels import Painted, PixelProgress, Terms, optimise_pixels

RATE = 0.05
"""How fast log λ answers to the relative distance of the content loss from its target."""
LEAST, MOST = math.log(0.01), math.log(1e4)
"""Bounds of log λ."""
ALLOWED = 1.02
"""Content loss over its target up to which a picture counts as one of that content."""


@dataclass(frozen=True)
class CeilingOptions:
    """How the best painting is looked for."""

    content: float = 0.7
    """Content loss to hold, in units of the photo's feature variance: the trainers' content target."""
    steps: int = 300

    def __post_init__(self) -> None:
        if not self.content > 0 or self.steps < 1:
            raise ConfigError(
                "The best painting cannot be looked for like this.",
                expected="a content loss above 0 and at least one step",
                got=f"content {self.content}, {self.steps} steps",
                do="Leave content at 0.7 and use a few hundred steps.",
            )


def best_painting(
    encoder: EncoderStack,
    photo: Tensor,
    style: Tensor,
    options: CeilingOptions | None = None,
    progress: PixelProgress | None = None,
) -> Painted:
    """Minimise the style loss of pixels at a content loss, both as `metrics` defines them.

    The weight λ of style rises while the content loss is below its target and falls while it is above, as in the
    trainers; Adam starts from the photo.

    Args:
        encoder: Loss network, on the device to compute on. Layers of the style loss that it lacks do not count.
        photo: (1, 3, H, W), 0..1; below 32 px the encoder sees `seen_by_encoder` of it, and of the painting.
        style: (1, 3, h, w), likewise.
        options: See there.
        progress: See `PixelProgress`.

    Returns:
        The picture with the least style loss among those whose content loss was no more than 2 % above the target;
        `history` ends with its losses.

    Raises:
        ImageError: No picture.
    """
    options = options or CeilingOptions()
    device = next(encoder.parameters()).device
    photo, style = (
        check_image(image, name).to(device, torch.float32) for image, name in ((photo, "photo"), (style, "style"))
    )
    layers = [layer for layer in STYLE_LAYERS if layer in encoder.layer_names()]
    with torch.inference_mode(False), torch.no_grad():
        of_photo, of_style = (encoder.features(seen_by_encoder(one.clone()), layers) for one in (photo, style))
    search = _Search(encoder, of_photo, of_style, options)
    painted = optimise_pixels(photo, search.loss, options.steps, "adam", progress)
    if search.best is None:
        return painted
    image, losses = search.best
    return Painted(image, [*painted.history, losses])


class _Search:
    """The loss with its moving balance, and the best picture so far."""

    def __init__(
        self, encoder: EncoderStack, photo: dict[str, Tensor], style: dict[str, Tensor], options: CeilingOptions
    ) -> None:
        self.encoder, self.photo, self.style, self.options = encoder, photo, style, options
        self.log_weight = 0.0
        self.best: tuple[Tensor, dict[str, float]] | None = None

    def loss(self, pixels: Tensor) -> tuple[Tensor, Terms]:
        """(λ · style + content) / (1 + λ) of the picture as a file would hold it; then λ takes its step."""
        picture, target = pixels.clamp(0, 1), self.options.content
        own = self.encoder.features(seen_by_encoder(picture), list(self.photo))
        style = relative_style_loss(own, self.photo, self.style).mean()
        content = relative_content_loss(own[CONTENT_LAYER], self.photo[CONTENT_LAYER]).mean()
        losses = {"style": float(style.detach()), "content": float(content.detach())}
        if losses["content"] <= ALLOWED * target and (self.best is None or losses["style"] < self.best[1]["style"]):
            self.best = (picture.detach().clone(), losses)
        weight = math.exp(self.log_weight)
        step = RATE * max(-1.0, min(1.0, 1 - losses["content"] / target))
        self.log_weight = max(LEAST, min(MOST, self.log_weight + step))
        return (weight * style + content) / (1 + weight), {"style": style, "content": content}
