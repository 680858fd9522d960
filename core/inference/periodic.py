"""Pictures that repeat: resizing over the border, and a photo without the jump between its opposite borders."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

JUMP = 1.5
"""A step over the border of so many times the mean step inside is a jump; in a picture that repeats it is 1."""


def periodic_resize(image: Tensor, height: int, width: int, *, wrap: tuple[bool, bool]) -> Tensor:
    """Bicubic with antialiasing, over the borders along x and y as `wrap` says; not clamped; the image if it fits."""
    for dim, size, wrapped in ((3, width, wrap[0]), (2, height, wrap[1])):
        if image.shape[dim] != size:
            repeats = [3 if dim == axis and wrapped else 1 for axis in range(4)]  # whole periods keep the phase
            goal = [image.shape[axis] * repeats[axis] if axis != dim else size * repeats[dim] for axis in (2, 3)]
            image = F.interpolate(image.repeat(repeats), goal, mode="bicubic", antialias=True, align_corners=False)
            image = image.narrow(dim, size if wrapped else 0, size)
    return image


def periodic_component(image: Tensor, *, wrap: tuple[bool, bool]) -> Tensor:
    """The picture without the jump between opposite borders   (Moisan 2011, "Periodic plus smooth decomposition").

    The smooth component has the border jumps as its Laplacian and takes them away. Along an axis on which the pictures
    repeat already nothing is done, so that they come back bit for bit.

    Args:
        image: (B, C, H, W), floating point, 0..1.
        wrap: Along x, along y.

    Returns:
        (B, C, H, W), clamped to 0..1, same dtype and device.
    """
    wrap = (wrap[0] and _jumps(image, 3), wrap[1] and _jumps(image, 2))
    if not any(wrap):
        return image
    work = image.double() if image.device.type != "mps" else image.float()
    height, width = image.shape[-2:]
    jumps = torch.zeros_like(work)
    if wrap[1]:
        jump = work[..., 0, :] - work[..., -1, :]
        jumps[..., 0, :] -= jump
        jumps[..., -1, :] += jump
    if wrap[0]:
        jump = work[..., :, 0] - work[..., :, -1]
        jumps[..., :, 0] -= jump
        jumps[..., :, -1] += jump
    down = torch.cos(2 * math.pi * torch.arange(height, device=image.device, dtype=work.dtype) / height)
    right = torch.cos(2 * math.pi * torch.arange(width, device=image.device, dtype=work.dtype) / width)
    laplacian = 2 * down[:, None] + 2 * right[None] - 4
    laplacian[0, 0] = 1
    spectrum = torch.fft.fft2(jumps) / laplacian
    spectrum[..., 0, 0] = 0
    smooth = torch.fft.ifft2(spectrum).real
    return (work - smooth).clamp(0, 1).to(image.dtype)


def _jumps(image: Tensor, dim: int) -> bool:
    """Whether the step over the border is larger than those inside."""
    if image.shape[dim] < 3:
        return False
    over = (image.select(dim, 0) - image.select(dim, -1)).abs().mean()
    return bool(over > JUMP * image.diff(dim=dim).abs().mean())
