"""The image contract of core: float RGB, (B, 3, H, W), 0..1. Checks and conversions to and from it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import ImageError


def check_image(image: Tensor, name: str = "image", *, channels: tuple[int, ...] = (3,)) -> Tensor:
    """Return `image` as a finite float tensor clamped to 0..1.

    Args:
        image: Floating point, shape (B, C, H, W) with B, H, W ≥ 1. Values outside 0..1 are clamped.
        name: How the message calls the picture.
        channels: Admissible C.

    Returns:
        Same shape, dtype and device; `image` itself where nothing had to be clamped.

    Raises:
        ImageError: Wrong rank, channel count, dtype, an empty side, NaN or infinite values.
    """
    want = f"float tensor (B, {' or '.join(map(str, channels))}, H, W), 0..1, H and W ≥ 1"
    if not isinstance(image, Tensor) or not image.is_floating_point() or image.ndim != 4:
        raise ImageError(f"`{name}` is not an image.", expected=want, got=describe(image), do=_hint(image))
    if image.shape[1] not in channels or 0 in image.shape:
        raise ImageError(f"`{name}` has the wrong shape.", expected=want, got=describe(image), do=_hint(image))
    low, high = torch.aminmax(image.detach())
    if not torch.isfinite(low + high):  # NaN and infinity both survive aminmax
        bad = int((~torch.isfinite(image)).sum())
        raise ImageError(
            f"`{name}` contains NaN or infinite values.",
            expected="finite numbers in 0..1",
            got=f"{bad} of {image.numel()} values are NaN or infinite",
            do="Find the step that made them: often a division by zero or an overflow in half precision.",
        )
    return image if low >= 0 and high <= 1 else image.clamp(0, 1)


def describe(value: object) -> str:
    """Short text for error messages: dtype and shape of a tensor, else the type."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} tensor {tuple(value.shape)}"
    return type(value).__name__


def _hint(value: object) -> str:
    if isinstance(value, Tensor) and value.ndim == 4 and value.shape[-1] in (1, 3, 4):
        return "This looks like (B, H, W, C): use images.from_bhwc()."
    if isinstance(value, Tensor) and value.ndim == 3:
        return "Add the batch dimension: image[None]."
    return "Convert it to float RGB (B, 3, H, W) in 0..1."


def from_bhwc(image: Tensor) -> Tensor:
    """(B, H, W, C) → (B, C, H, W), contiguous; C = 1 becomes 3, C = 3 and 4 are kept. ComfyUI's IMAGE to ours."""
    if image.ndim != 4 or image.shape[-1] not in (1, 3, 4):
        raise ImageError(
            "This is not a batch of pictures.",
            expected="(B, H, W, C) with C of 1, 3 or 4",
            got=describe(image),
            do="Wire an IMAGE output here.",
        )
    image = image.movedim(-1, 1)
    return (image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image).contiguous()


def to_bhwc(image: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H, W, C), contiguous float32. Ours to ComfyUI's IMAGE."""
    return image.movedim(1, -1).contiguous().float()


def split_alpha(image: Tensor) -> tuple[Tensor, Tensor | None]:
    """(B, 3 or 4, H, W) → RGB (B, 3, H, W) and alpha (B, 1, H, W) or None. Views, not copies."""
    return (image[:, :3], image[:, 3:]) if image.shape[1] == 4 else (image, None)


def pad_to_side(image: Tensor, side_px: int) -> Tensor:
    """Repeat the last row and column until both sides are at least `side_px`; padding is right and below.

    Networks with reflection padding cannot see pictures smaller than the padding; replication works from 1 px.
    """
    height, width = image.shape[-2:]
    extra_h, extra_w = max(0, side_px - height), max(0, side_px - width)
    return F.pad(image, (0, extra_w, 0, extra_h), mode="replicate") if extra_h or extra_w else image


def mirror_to_side(image: Tensor, side_px: int) -> Tensor:
    """Continue (B, C, H, W) right and below by its mirror image until both sides are at least `side_px`.

    The border is repeated (… b a | a b …), so it works from 1 px. What is seen stays at its scale, and on whole
    periods every pixel counts alike, which statistics need. Gradients flow; larger pictures are returned as they are.
    """
    for axis in (2, 3):
        length = image.shape[axis]
        if length < side_px:
            place = torch.arange(side_px, device=image.device) % (2 * length)
            image = image.index_select(axis, torch.minimum(place, 2 * length - 1 - place))
    return image


def resize_image(image: Tensor, height: int, width: int, *, light: bool = False) -> Tensor:
    """Bicubic with antialiasing, (B, C, H, W) → (B, C, height, width), clamped to 0..1; `light` may be beyond 1."""
    if image.shape[-2:] == (height, width):
        return image
    resized = F.interpolate(image, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, None if light else 1)


def resize_short_side(image: Tensor, side_px: int) -> Tensor:
    """Scale so that the shorter side is `side_px`, keeping the aspect ratio; never below 1 px."""
    height, width = image.shape[-2:]
    ratio = side_px / min(height, width)
    return resize_image(image, max(1, round(height * ratio)), max(1, round(width * ratio)))


def shrink_longer_side(image: Tensor, side_px: int, *, light: bool = False) -> Tensor:
    """Scale down so that the longer side is `side_px`; smaller pictures stay as they are. For `light` as above."""
    height, width = image.shape[-2:]
    ratio = side_px / max(height, width)
    if ratio >= 1:
        return image
    return resize_image(image, max(1, round(height * ratio)), max(1, round(width * ratio)), light=light)
