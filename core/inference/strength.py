"""Strength: from the photo (0) to the painting (1), without a jump anywhere between, everywhere or by place.

Three parts work together, s being the strength:

1. Inside the network, where the method can. Conditional networks with an `identity` style mix the weights
   towards it, w ← s·w + (1−s)·identity (Dumoulin et al. 2017: convex combinations of γ and β); AdaIN has its
   α (Huang & Belongie 2017, eq. 14).
2. Exposure. Instance normalization discards the photo's contrast and cast, so no identity style can give them
   back: the painting's mean per channel and its common deviation move towards the photo's by 1 − s (core/exposure.py),

       y = (x − μ_x) · (s + (1−s) · σ_p / σ_x) + s · μ_x + (1−s) · μ_p,

   with one σ over the three channels, of the deviations from the means per channel.
3. Pixels. Even a perfect identity network blurs, so the last stretch is a blend with the photo. Its weight is
   w(s) = 1 − (1−s)^k: 0 with a finite slope at 0, so there is no step, and soon near 1, where the network's
   own strength does the work. Networks with no strength inside use w(s) = s.

A strength that changes from place to place goes the same way: the network gets a region of identity beside each style,
or a map of α; exposure and blend are per pixel anyway.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..errors import ConfigError
from ..exposure import restore_exposure
from ..masks import resize_mask
from ..style_model import StyleModel

BLEND_POWER = 4.0
"""k above: with a CIN starter and with MicroAST the RMS distance to the photo is then 0.21–0.27, 0.45–0.47 and
0.68–0.75 of the whole at s = ¼, ½ and ¾; with k = 2 it is 0.13 at ¼."""

Strength = float | Tensor
"""A number, or a map (B or 1, 1, H, W); 0..1."""


def check_strength(strength: float, name: str = "strength") -> float:
    """Return the strength as a float.

    Raises:
        ConfigError: Not a number in 0..1.
    """
    try:
        value = float(strength)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 <= value <= 1:  # false for NaN too
        raise ConfigError(
            f"The {name} is out of range.",
            expected="a number from 0 (the photo) to 1 (the painting)"
            if name == "strength"
            else "a number from 0 to 1",
            got=repr(strength),
            do="Choose a value from 0 to 1.",
        )
    return value


def has_inner_strength(model: StyleModel) -> bool:
    """Whether the network itself can paint less: an identity style to mix with, or AdaIN's α."""
    return model.network.has_alpha or (model.style_kind == "conditional" and model.spec.identity_index is not None)


def weaken_code(model: StyleModel, code: StyleCode | None, strength: Strength) -> StyleCode | None:
    """Part 1: the style code at a strength; `code` itself where the network has no strength inside."""
    if code is None or (not isinstance(strength, Tensor) and strength == 1):
        return code
    if model.network.has_alpha:
        return replace(code, alpha=strength)
    identity = model.spec.identity_index
    if model.style_kind != "conditional" or identity is None:
        return code
    if isinstance(strength, Tensor):
        return _weaken_by_place(code, strength, identity, len(model.spec.styles))
    weights = code.weights if code.rows is None else code.rows
    weights = weights * strength
    weights[:, identity] += 1 - strength
    return replace(code, weights=weights) if code.rows is None else replace(code, rows=weights)


def _weaken_by_place(code: StyleCode, strength: Tensor, identity: int, styles: int) -> StyleCode:
    """Regions of the styles, each times the strength, and one of the identity for the rest."""
    if code.weights.ndim == 2:  # each picture's mix is one region of its own
        count = len(code.weights)
        rows = code.weights
        maps = torch.eye(count, device=rows.device)[:, :, None, None]
    else:
        rows = code.rows if code.rows is not None else torch.eye(styles, device=code.weights.device)
        maps = resize_mask(code.weights.float(), *strength.shape[-2:])
    strength = strength.to(maps)
    batch = max(len(maps), len(strength))
    parts = [maps * strength, 1 - strength]
    parts = [part.expand(batch, -1, *strength.shape[-2:]) for part in parts]
    alone = torch.zeros(1, styles, dtype=rows.dtype, device=rows.device)
    alone[0, identity] = 1
    return replace(code, weights=torch.cat(parts, 1), rows=torch.cat((rows, alone)))


def blend_weight(strength: Strength, *, inner: bool) -> Strength:
    """Part 3: share of the painting in the pixel blend; `inner` as `has_inner_strength` says."""
    return 1 - (1 - strength) ** BLEND_POWER if inner else strength


def give_exposure(painting: Tensor, photo: Tensor, strength: Strength) -> Tensor:
    """Part 2, on (B, 3, H, W); `painting` itself at strength 1."""
    if not isinstance(strength, Tensor) and strength == 1:
        return painting
    return restore_exposure(painting, photo, 1 - strength).clamp(0, 1)


def blend(photo: Tensor, painting: Tensor, strength: Strength, *, inner: bool) -> Tensor:
    """Part 3, on (B, 3, H, W); `painting` itself at strength 1."""
    if not isinstance(strength, Tensor) and strength == 1:
        return painting
    return torch.lerp(photo, painting, blend_weight(strength, inner=inner))
