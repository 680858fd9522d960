"""Colours by statistics: exact histograms, mean and covariance, mean and deviation in CIELAB."""

from __future__ import annotations

import torch
from torch import Tensor

from .lab import lab_to_srgb, srgb_to_lab

FLAT_LAB = 0.2

FLAT_VARIANCE = (0.5 / 255) ** 2
"""Colour directions that vary less than half an 8-bit step are rounding: they are not stretched."""


def match_histogram(painting: Tensor, photo: Tensor) -> Tensor:
    """Give every channel of the painting the photo's histogram, exactly: rank r takes the photo's r-th value.

    Equal values stay equal: they share the mean of what their ranks would take, so that flat areas stay flat.

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: (B, 3, h, w), any size; with another number of pixels, quantiles are interpolated.

    Returns:
        (B, 3, H, W), same dtype and device as the painting.
    """
    batch, channels, height, width = painting.shape
    targets, _ = photo.to(torch.promote_types(photo.dtype, torch.float32)).flatten(2).sort(dim=2)
    targets = _resample_quantiles(targets, height * width)
    values, order = painting.flatten(2).sort(dim=2)
    out = torch.empty_like(targets)
    for b in range(batch):
        for c in range(channels):
            _, group, count = torch.unique_consecutive(values[b, c], return_inverse=True, return_counts=True)
            if len(count) < len(group):
                total = torch.zeros(len(count), dtype=targets.dtype, device=targets.device)
                shared = total.index_add_(0, group, targets[b, c]) / count
                out[b, c].scatter_(0, order[b, c], shared[group])
            else:
                out[b, c].scatter_(0, order[b, c], targets[b, c])
    return out.view(batch, channels, height, width).clamp(0, 1).to(painting.dtype)


def _resample_quantiles(ordered: Tensor, count: int) -> Tensor:
    """(B, C, m) sorted → (B, C, count): the value at quantile (r + 1) / count, linear between neighbours."""
    available = ordered.shape[-1]
    if available == count:
        return ordered
    ranks = torch.arange(1, count + 1, device=ordered.device)
    # exact integer part, since float32 cannot count pixels beyond 2^24
    low = (ranks * available // count - 1).clamp(0, available - 1)
    fraction = ((ranks * available % count).to(ordered.dtype) / count).where(ranks * available >= count, 0.0)
    high = (low + 1).clamp_max(available - 1)
    return torch.lerp(ordered[..., low], ordered[..., high], fraction.expand(ordered.shape[0], ordered.shape[1], -1))


def match_covariance(painting: Tensor, photo: Tensor) -> Tensor:
    """Linear colour transfer: mean colour and 3×3 covariance of the photo   (CORAL: Sun, Feng, Saenko 2016).

    y = Σ_p^½ Σ_x^−½ (x − μ_x) + μ_p with symmetric square roots, as in Huang & Belongie's release and
    Gatys et al. 2016 (arXiv 1606.05897). Statistics and roots in float64.

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: (B, 3, h, w), any size, same device.

    Returns:
        (B, 3, H, W), clamped to 0..1, same dtype and device as the painting.
    """
    return move_covariance(painting, color_statistics(painting), color_statistics(photo))


def move_covariance(painting: Tensor, own: tuple[Tensor, Tensor], goal: tuple[Tensor, Tensor]) -> Tensor:
    """`match_covariance` of any part of a painting, with the `color_statistics` of both pictures as a whole."""
    (mean, covariance), (photo_mean, photo_covariance) = own, goal
    matrix = _symmetric_power(photo_covariance, 0.5) @ _symmetric_power(covariance, -0.5)
    shift = photo_mean - (matrix @ mean[..., None])[..., 0]
    work = torch.promote_types(painting.dtype, torch.float32)
    matrix, shift = (part.to(painting.device, work) for part in (matrix, shift))
    out = torch.einsum("bij,bjhw->bihw", matrix, painting.to(work)) + shift[..., None, None]
    return out.clamp(0, 1).to(painting.dtype)


def color_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, 3) and covariance (B, 3, 3) over the pixels, float64."""
    pixels = (image.cpu() if image.device.type == "mps" else image).flatten(2).double()
    mean = pixels.mean(2)
    pixels = pixels - mean[..., None]
    return mean, pixels @ pixels.mT / pixels.shape[-1]


def _symmetric_power(matrix: Tensor, power: float) -> Tensor:
    """Power of symmetric positive semi-definite (B, 3, 3); flat directions give 0 for negative powers."""
    values, vectors = torch.linalg.eigh(matrix)
    if power < 0:
        powered = torch.where(values > FLAT_VARIANCE, values.clamp_min(FLAT_VARIANCE) ** power, 0.0)
    else:
        powered = values.clamp_min(0) ** power
    return vectors @ torch.diag_embed(powered) @ vectors.mT


def match_lab(painting: Tensor, photo: Tensor) -> Tensor:
    """Mean and deviation of L*, a* and b* from the photo   (Reinhard et al. 2001, in CIELAB instead of lαβ).

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: (B, 3, h, w), any size, same device.

    Returns:
        (B, 3, H, W), clamped to 0..1, same dtype and device as the painting.
    """
    return move_lab(painting, lab_statistics(painting), lab_statistics(photo))


def lab_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of L*, a*, b*, (B, 3, 1, 1) each."""
    lab = srgb_to_lab(image)
    return lab.mean((2, 3), keepdim=True), lab.var((2, 3), keepdim=True, correction=0).sqrt()


def move_lab(painting: Tensor, own: tuple[Tensor, Tensor], goal: tuple[Tensor, Tensor]) -> Tensor:
    """`match_lab` of any part of a painting, with the `lab_statistics` of both pictures as a whole."""
    (mean, spread), (wanted, wanted_spread) = own, goal
    # half an 8-bit step of L* is 0.2: what varies less is rounding, and is not stretched
    ratio = torch.where(spread > FLAT_LAB, wanted_spread / spread.clamp_min(FLAT_LAB), 1.0)
    return lab_to_srgb((srgb_to_lab(painting) - mean) * ratio + wanted).clamp(0, 1).to(painting.dtype)
