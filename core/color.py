"""Painting with the photo's colours: luminance only, exact histograms, or a linear colour transfer."""

from __future__ import annotations

from typing import Literal, cast, get_args

import torch
from torch import Tensor

from .errors import ConfigError, ImageError
from .images import check_image, describe

ColorMode = Literal["none", "luminance", "histogram", "coral"]
"""none: the painting's colours. luminance: the photo's chroma under the painting's light and dark.
histogram: every channel gets the photo's histogram. coral: the photo's mean colour and covariance."""

LUMA = (0.299, 0.587, 0.114)
"""Y of YIQ (NTSC 1953)."""

FLAT_VARIANCE = (0.5 / 255) ** 2
"""Colour directions that vary less than half an 8-bit step are rounding: they are not stretched."""


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


def preserve_color(painting: Tensor, photo: Tensor, mode: ColorMode) -> Tensor:
    """Give `painting` the colours of `photo`.

    Args:
        painting: (B, 3, H, W), float, 0..1.
        photo: (B or 1, 3, H, W), same device; for `histogram` and `coral` of any size.
        mode: See `ColorMode`.

    Returns:
        (B, 3, H, W), 0..1, in the painting's dtype; `painting` itself for `none`. Inputs are not modified.

    Raises:
        ConfigError: Unknown mode.
        ImageError: The pictures do not fit each other, or are no images.
    """
    mode = check_color_mode(mode)
    if mode == "none":
        return painting
    painting, photo = check_image(painting, "painting"), check_image(photo, "photo")
    if len(photo) not in (1, len(painting)):
        raise ImageError(
            "The photos do not fit the paintings.",
            expected=f"1 or {len(painting)} photos",
            got=describe(photo),
            do="Give one photo for all paintings, or one for each.",
        )
    photo = photo.expand(len(painting), -1, -1, -1)
    if mode == "luminance":
        return transfer_luminance(painting, photo)
    return match_histogram(painting, photo) if mode == "histogram" else match_covariance(painting, photo)


def luminance(image: Tensor) -> Tensor:
    """Y of YIQ: (B, 3, H, W) → (B, 1, H, W), same dtype and device."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def transfer_luminance(painting: Tensor, photo: Tensor) -> Tensor:
    """Y from the painting, I and Q from the photo: luminance-only transfer (Gatys et al., arXiv 1606.05897).

    Y enters R, G and B of the way back from YIQ with factor 1, so no matrix is needed:
    out = photo + Y(painting) − Y(photo).

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: Same shape and device.

    Returns:
        (B, 3, H, W) in the painting's dtype, clamped to 0..1.

    Raises:
        ImageError: The sizes differ.
    """
    if painting.shape[-2:] != photo.shape[-2:]:
        raise ImageError(
            "The luminance of one picture cannot be joined to the chroma of another size.",
            expected=f"a photo of {painting.shape[-1]}×{painting.shape[-2]}",
            got=f"{photo.shape[-1]}×{photo.shape[-2]}",
            do="Give the photo that was painted, or resize it; histogram and coral take any size.",
        )
    work = torch.promote_types(painting.dtype, torch.float32)
    painting_work, photo_work = painting.to(work), photo.to(work)
    out = photo_work + (luminance(painting_work) - luminance(photo_work))
    return out.clamp(0, 1).to(painting.dtype)


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
    mean, covariance = _color_statistics(painting)
    photo_mean, photo_covariance = _color_statistics(photo)
    matrix = _symmetric_power(photo_covariance, 0.5) @ _symmetric_power(covariance, -0.5)
    shift = photo_mean - (matrix @ mean[..., None])[..., 0]
    work = torch.promote_types(painting.dtype, torch.float32)
    matrix, shift = (part.to(painting.device, work) for part in (matrix, shift))
    out = torch.einsum("bij,bjhw->bihw", matrix, painting.to(work)) + shift[..., None, None]
    return out.clamp(0, 1).to(painting.dtype)


def _color_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
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
