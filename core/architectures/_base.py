"""What every network of this pack answers to, so that inference needs no special cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor, nn

StyleKind = Literal["fixed", "conditional", "image"]
"""fixed: one style in the weights. conditional: N styles, chosen by weights. image: any picture at run time."""


@dataclass(frozen=True)
class StyleCode:
    """What a network is told about the style of this run."""

    weights: Tensor
    """(B or 1, S), or (B or 1, K, H, W) for masks; convex over S or K."""
    features: tuple[Tensor, ...] = ()
    """For image-driven networks: what `encode_style` made of S pictures, each (S, …)."""
    alpha: float | Tensor = 1.0
    """Content–style trade-off inside the network, 0..1, where the method has one (Huang & Belongie, eq. 14); a map
    (B or 1, 1, H, W) changes it from place to place."""
    rows: Tensor | None = None
    """With masks, for conditional networks: weights (K, S) of the styles in each of the K regions; None: K = S."""
    regional: bool = False
    """With masks: statistics of the photo's features region by region, instead of those of the whole photo."""

    def without_uniform_masks(self) -> StyleCode:
        """The same without the height and width of what is equal everywhere: weights become a mix, α a number."""
        alpha, maps = self.alpha, self.weights
        if isinstance(alpha, Tensor) and bool((alpha == alpha[:1, :, :1, :1]).all()):
            return replace(self, alpha=float(alpha[0, 0, 0, 0])).without_uniform_masks()
        if maps.ndim == 2 or not bool((maps == maps[..., :1, :1]).all()):
            return self
        weights = maps[..., 0, 0]
        return replace(self, weights=weights if self.rows is None else weights @ self.rows.to(weights.dtype), rows=None)


class StyleNetwork(nn.Module):
    """Base of all architectures: forward from the network's own range to the same range, at least as large."""

    style_kind: ClassVar[StyleKind] = "fixed"
    has_alpha: ClassVar[bool] = False
    """Whether `StyleCode.alpha` works: strength inside the network."""
    min_side: int = 8
    """Smallest side in pixels that the padding layers can take; smaller pictures are replicated up to it."""

    def encode_style(self, image: Tensor) -> tuple[Tensor, ...]:
        """Style pictures (S, 3, H, W) in the network's range → features, each (S, …). Only for kind `image`."""
        raise NotImplementedError(f"{type(self).__name__} takes no style picture")

    def forward(self, x: Tensor, style: StyleCode | None = None) -> Tensor:
        """(B, 3, H, W) in the network's range → (B, 3, ≥ H, ≥ W); the caller crops right and below."""
        raise NotImplementedError
