"""Old paint and fresh paint in one picture, as sharp as each of them.

A plain average of two paintings whose strokes do not coincide is a blur, and what it loses is the style: the Gram loss
of one of the starter's styles grew eightfold at a share of 0.7. So paintings are mixed by bands of detail:

- the finest band, what a 3×3 mean takes away, is always fresh. It cannot blur, and repeated resampling of the past
  cannot wear it out;
- the bands below keep the fresh painting's local contrast: where strokes cancel out, the mix is amplified to the energy
  that the fresh painting has there,   m · √(E|s|² / E|m|²), at most ×2;
- tones are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .windows import box_mean, triangle_mean

RADII = (1, 2, 4)
"""Of the triangular means between the bands, pixels. The band above the first is the fresh one."""
NEIGHBOURHOOD = 8
"""Radius in which the energy of a band is compared."""
MOST_GAIN = 2.0
REACH = 2 * sum(RADII) + NEIGHBOURHOOD
"""Rows above and below that decide about a row."""
STRIP_ROWS = 128
"""Mixed at once: a dozen pictures of this height are alive, in the processor's cache rather than in memory."""


def blend_paint(fresh: Tensor, past: Tensor, share: Tensor) -> Tensor:
    """Mix the past into the fresh painting.

    Args:
        fresh: (B, 3, H, W), 0..1, float32 or better.
        past: Same shape: the last painting, moved to where things are now.
        share: Of the past, (B or 1, 1, H, W), 0..1; where it is 0 the result is `fresh`, bit for bit.

    Returns:
        (B, 3, H, W), 0..1, new tensor.
    """
    result = torch.empty_like(fresh)
    for first in range(0, fresh.shape[2], STRIP_ROWS):
        top = max(0, first - REACH)
        strip = (part[:, :, top : first + STRIP_ROWS + REACH] for part in (fresh, past, share))
        result[:, :, first : first + STRIP_ROWS] = _blend(*strip)[:, :, first - top : first - top + STRIP_ROWS]
    return result


def _blend(fresh: Tensor, past: Tensor, share: Tensor) -> Tensor:
    fresh_tone, past_tone = triangle_mean(fresh, RADII[0]), triangle_mean(past, RADII[0])
    result = fresh - fresh_tone
    for radius in RADII[1:]:
        fresh_below, past_below = triangle_mean(fresh_tone, radius), triangle_mean(past_tone, radius)
        result += _keep_contrast(fresh_tone - fresh_below, past_tone - past_below, share)
        fresh_tone, past_tone = fresh_below, past_below
    mixed = (result + torch.lerp(fresh_tone, past_tone, share)).clamp(0, 1)
    return torch.where(share > 0, mixed, fresh)


def _keep_contrast(fresh: Tensor, past: Tensor, share: Tensor) -> Tensor:
    mixed = torch.lerp(fresh, past, share)
    gain = (_energy(fresh) / (_energy(mixed) + 1e-6)).sqrt().clamp(1, MOST_GAIN)
    return mixed * torch.where(share > 0, gain, 1)


def _energy(band: Tensor) -> Tensor:
    return box_mean(band.square().mean(1, keepdim=True), NEIGHBOURHOOD)
