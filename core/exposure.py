"""Exposure: what instance normalization takes from a photo, and the affine step that gives it back."""

from __future__ import annotations

from torch import Tensor


def exposure(image: Tensor) -> tuple[Tensor, Tensor]:
    """Per-channel mean (B, 3, 1, 1) and common σ (B, 1, 1, 1).

    σ² is the mean over channels and pixels of the squared deviation from the channel's mean.
    """
    mean = image.mean((2, 3), keepdim=True)
    deviation = (image - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
    return mean, deviation


def restore_exposure(image: Tensor, like: Tensor, amount: float | Tensor = 1.0) -> Tensor:
    """Shift and scale `image` towards the exposure of `like`; 1 = all the way, 0 = unchanged.

    y = μ + k (x − μ_x),   μ = (1 − a) μ_x + a μ_like,   k = (1 − a) + a σ_like / σ_x

    Args:
        image: (B, 3, H, W); not clamped afterwards, gradients flow.
        like: (B, 3, h, w), any size.
        amount: a, 0..1: a number, or a map (B or 1, 1, H, W).
    """
    return move_exposure(image, exposure(image), exposure(like), amount)


def move_exposure(
    image: Tensor, own: tuple[Tensor, Tensor], goal: tuple[Tensor, Tensor], amount: float | Tensor
) -> Tensor:
    """`restore_exposure` of any part of a picture, with the exposures (`exposure`) of both pictures as a whole."""
    (mean, deviation), (wanted, wanted_deviation) = own, goal
    scale = 1 - amount + amount * wanted_deviation / deviation.clamp_min(1e-6)
    return (1 - amount) * mean + amount * wanted + scale * (image - mean)
