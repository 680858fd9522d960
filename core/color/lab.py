"""CIELAB: sRGB to L*a*b* and back, and colours that are brought into the gamut without a change of hue."""

from __future__ import annotations

import torch
from torch import Tensor

TO_XYZ = (
    (0.4123907992659595, 0.3575843393838780, 0.1804807884018343),
    (0.2126390058715104, 0.7151686787677559, 0.0721923153607337),
    (0.0193308187155918, 0.1191947797946259, 0.9505321522496606),
)
"""Linear sRGB → XYZ, D65 (IEC 61966-2-1)."""

BEND = 216 / 24389
SLOPE = 24389 / 27
"""ε and κ of CIE 15, as exact fractions."""

GAMUT_TOLERANCE = 1e-4
BISECTIONS = 12
"""The chroma that still fits is found to 1/4096."""


def srgb_to_linear(image: Tensor) -> Tensor:
    """Display values → light, IEC 61966-2-1; continued oddly below 0, so that nothing is lost on the way back."""
    size = image.abs()
    light = torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055).clamp_min(0) ** 2.4)
    return light * image.sign()


def linear_to_srgb(image: Tensor) -> Tensor:
    """Light → display values, the inverse of `srgb_to_linear`."""
    size = image.abs()
    shown = torch.where(size <= 0.0031308, size * 12.92, 1.055 * size.clamp_min(1e-8) ** (1 / 2.4) - 0.055)
    return shown * image.sign()


def srgb_to_lab(image: Tensor) -> Tensor:
    """(B, 3, H, W) 0..1 → L* 0..100, a*, b*; same shape and device, float32 or better."""
    work = image.to(torch.promote_types(image.dtype, torch.float32))
    relative = _matrix(work) / _matrix(work).sum(1, keepdim=True)  # XYZ over that of white
    xyz = torch.einsum("ij,bjhw->bihw", relative, srgb_to_linear(work))
    f = torch.where(xyz > BEND, xyz.clamp_min(BEND) ** (1 / 3), (SLOPE * xyz + 16) / 116)
    x, y, z = f.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """(B, 3, H, W) L*a*b* → sRGB, not clamped: outside 0..1 where the colour is outside the gamut."""
    y = (lab[:, 0] + 16) / 116
    f = torch.stack((y + lab[:, 1] / 500, y, y - lab[:, 2] / 200), 1)
    xyz = torch.where(f**3 > BEND, f**3, (116 * f - 16) / SLOPE)
    xyz = xyz * _matrix(lab).sum(1)[:, None, None]
    return linear_to_srgb(torch.einsum("ij,bjhw->bihw", torch.linalg.inv(_matrix(lab)), xyz))


def keep_color(painting: Tensor, photo: Tensor) -> Tensor:
    """L* from the painting, a* and b* from the photo.

    Where no sRGB colour has that lightness and that chroma, chroma is reduced at constant hue until one has.

    Args:
        painting: (B, 3, H, W), floating point, 0..1.
        photo: Same shape and device.

    Returns:
        (B, 3, H, W), 0..1, in the painting's dtype.
    """
    lab = torch.cat((srgb_to_lab(painting)[:, :1], srgb_to_lab(photo)[:, 1:]), 1)
    result = lab_to_srgb(lab)
    outside = ((result < -GAMUT_TOLERANCE) | (result > 1 + GAMUT_TOLERANCE)).any(1)  # (B, H, W)
    if bool(outside.any()):
        colors = lab.movedim(1, -1)[outside].mT[None, :, :, None]  # (1, 3, n, 1)
        result.movedim(1, -1)[outside] = _into_gamut(colors)[0, :, :, 0].mT
    return result.clamp(0, 1).to(painting.dtype)


def _into_gamut(lab: Tensor) -> Tensor:
    """SRGB of the most chromatic colours of the same lightness and hue that exist; grey always does."""
    low, high = torch.zeros_like(lab[:, :1]), torch.ones_like(lab[:, :1])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        color = lab_to_srgb(torch.cat((lab[:, :1], lab[:, 1:] * middle), 1))
        fits = ((color >= -GAMUT_TOLERANCE) & (color <= 1 + GAMUT_TOLERANCE)).all(1, keepdim=True)
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return lab_to_srgb(torch.cat((lab[:, :1], lab[:, 1:] * low), 1))


def _matrix(like: Tensor) -> Tensor:
    return torch.tensor(TO_XYZ, dtype=like.dtype, device=like.device)
