"""What a layer keeps: a picture from noise whose features, or whose statistics, are those of another.

Mahendran & Vedaldi 2015, arXiv 1412.0035 (features); Gatys, Ecker, Bethge 2015, arXiv 1505.07376 (style); the figures 3
and 4 of Johnson et al. 2016, arXiv 1603.08155.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import ConfigError
from ..images import check_image
from ..losses.encoders import EncoderStack
from ..losses.functional import gram_matrix, total_variation_loss
from ..metrics.measure import seen_by_encoder
from .pixels import Loss, Optimizer, Painted, PixelProgress, Terms, optimise_pixels

Kept = Literal["feature", "style"]


@dataclass(frozen=True)
class ReconstructionOptions:
    """How a layer is turned back into pixels."""

    layers: tuple[str, ...] = ("relu3_3",)
    """Layers that must agree, all with the same weight."""
    kept: Kept = "feature"
    """feature: where what is. style: which features come together, at no place."""
    steps: int = 200
    optimizer: Optimizer = "lbfgs"
    smoothness: float = 0.02
    """Weight of total variation: features say nothing of grain that pooling averages away."""
    seed: int = 0
    """Of the noise at the start."""

    def __post_init__(self) -> None:
        if self.kept not in get_args(Kept) or not self.layers or self.smoothness < 0:
            raise ConfigError(
                "The reconstruction cannot be made like this.",
                expected=f"{' | '.join(get_args(Kept))}, at least one layer, smoothness of at least 0",
                got=f"{self.kept}, layers {', '.join(self.layers) or 'none'}, smoothness {self.smoothness}",
                do="Correct the options.",
            )


def reconstruct(
    encoder: EncoderStack,
    picture: Tensor,
    options: ReconstructionOptions | None = None,
    progress: PixelProgress | None = None,
) -> Painted:
    """Find a picture that the layers cannot tell from `picture`.

    feature = Σ_l mean (F_l(y) − F_l(x))² / var F_l(x) / L
    style   = Σ_l ‖G_l(y) − G_l(x)‖² / ‖G_l(x)‖² / L

    Args:
        encoder: Loss network, on the device to compute on.
        picture: (1, 3, H, W), 0..1. Below 32 px the encoder, and the smoothness, see `seen_by_encoder` of the pixels.
        options: See there.
        progress: See `PixelProgress`.

    Returns:
        The picture, as large as `picture`, on the encoder's device.

    Raises:
        ConfigError: A layer that the encoder lacks.
        ImageError: No picture.
    """
    options = options or ReconstructionOptions()
    device = next(encoder.parameters()).device
    picture = check_image(picture, "picture").to(device, torch.float32)
    layers = list(dict.fromkeys(options.layers))
    with torch.inference_mode(False), torch.no_grad():  # results of inference_mode could not be used in a graph
        loss = _loss(encoder, layers, encoder.features(seen_by_encoder(picture.clone()), layers), options)
    return optimise_pixels(noise_like(picture, options.seed), loss, options.steps, options.optimizer, progress)


def noise_like(picture: Tensor, seed: int) -> Tensor:
    """Grey with soft grain: the start that knows nothing. The same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    grain = torch.randn(picture.shape, generator=generator)
    return (0.5 + 0.1 * grain).clamp(0, 1).to(picture.device)


def _loss(
    encoder: EncoderStack, layers: Sequence[str], target: dict[str, Tensor], options: ReconstructionOptions
) -> Loss:
    goals = {name: _described(features, options.kept) for name, features in target.items()}
    sizes = {
        name: (goal.square().mean() if options.kept == "style" else goal.var()).clamp_min(1e-12)
        for name, goal in goals.items()
    }

    def loss(pixels: Tensor) -> tuple[Tensor, Terms]:
        seen = seen_by_encoder(pixels)
        own = encoder.features(seen, layers)
        parts = [
            (_described(own[name], options.kept) - goals[name]).square().mean() / sizes[name] / len(layers)
            for name in layers
        ]
        kept, smoothness = torch.stack(parts).sum(), total_variation_loss(seen)
        return kept + options.smoothness * smoothness, {options.kept: kept, "smoothness": smoothness}

    return loss


def _described(features: Tensor, kept: Kept) -> Tensor:
    features = features.float()
    return gram_matrix(features) if kept == "style" else features
