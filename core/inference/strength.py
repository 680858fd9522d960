"""Strength: from the photo (0) to the painting (1), without a jump anywhere between.

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
"""

from __future__ import annotations

from dataclasses import replace

from ..architectures import StyleCode
from ..errors import ConfigError
from ..style_model import StyleModel

BLEND_POWER = 4.0
"""k above: with a CIN starter and with MicroAST the RMS distance to the photo is then 0.21–0.27, 0.45–0.47 and
0.68–0.75 of the whole at s = ¼, ½ and ¾; with k = 2 it is 0.13 at ¼."""


def check_strength(strength: float) -> float:
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
            "The strength is out of range.",
            expected="a number from 0 (the photo) to 1 (the painting)",
            got=repr(strength),
            do="Choose a value from 0 to 1.",
        )
    return value


def has_inner_strength(model: StyleModel) -> bool:
    """Whether the network itself can paint less: an identity style to mix with, or AdaIN's α."""
    return model.network.has_alpha or (model.style_kind == "conditional" and model.spec.identity_index is not None)


def weaken_code(model: StyleModel, code: StyleCode | None, strength: float) -> StyleCode | None:
    """Part 1: the style code at a strength; `code` itself where the network has no strength inside."""
    if code is None or strength == 1:
        return code
    if model.network.has_alpha:
        return replace(code, alpha=strength)
    identity = model.spec.identity_index
    if model.style_kind != "conditional" or identity is None:
        return code
    weights = code.weights * strength
    weights[:, identity] += 1 - strength
    return replace(code, weights=weights)


def blend_weight(strength: float, *, inner: bool) -> float:
    """Part 3: share of the painting in the pixel blend; `inner` as `has_inner_strength` says."""
    return 1 - (1 - strength) ** BLEND_POWER if inner else strength
