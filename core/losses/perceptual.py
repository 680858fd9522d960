"""PerceptualLoss: one pass through the loss network, style targets computed once.

Johnson et al. 2016, arXiv 1603.08155, § 3.1. The loss network is fixed: no gradient flows to it, and features that
need none (the photo's, the painting's) are computed without a graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from .functional import gram_matrix


class LossNetwork(Protocol):
    """Anything that gives named features: one VGG, or several side by side."""

    def features(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """(B, 3, H, W) core image → name → (B, C, h, w)."""
        ...


@dataclass(frozen=True)
class LossTerms:
    """The parts of one evaluation; each a scalar tensor, or (B,) before reduction."""

    style: Tensor
    content: Tensor
    per_layer: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class StyleTargets:
    """Gram matrices of one or several paintings, and how far the average photo is from each.

    The distance makes `style = 1` mean "no nearer to the painting than a photo" for every painting and layer, so
    that one weight suits all.
    """

    grams: Mapping[str, Tensor]
    """layer → (S, C, C)."""
    photo_distance: Mapping[str, Tensor]
    """layer → (S,): mean ‖G(photo) − G_s‖² / C² over sample photos."""

    def stack(self, other: StyleTargets) -> StyleTargets:
        """Targets of both, self's styles first."""
        return StyleTargets(
            {k: torch.cat([v, other.grams[k]]) for k, v in self.grams.items()},
            {k: torch.cat([v, other.photo_distance[k]]) for k, v in self.photo_distance.items()},
        )


class PerceptualLoss:
    """Style and content loss of stylized pictures.

    style   = Σ_l w_l ‖G_l(y) − G_l(s)‖² / D_l(s) / Σ w,   D the mean distance of photos to the painting
    content = Σ_l mean (F_l(y) − F_l(x))² / var F_l(x) / n

    Args:
        network: Loss network, frozen.
        style_layers: layer → weight w_l.
        content_layers: Layers of the content term.
    """

    def __init__(self, network: LossNetwork, style_layers: Mapping[str, float], content_layers: Sequence[str]) -> None:
        self.network = network
        self.style_layers = dict(style_layers)
        self.content_layers = tuple(content_layers)

    @torch.no_grad()
    def style_targets(self, paintings: Sequence[Tensor], photos: Tensor) -> StyleTargets:
        """Targets for paintings of any size.

        Args:
            paintings: Each (1, 3, h, w), 0..1.
            photos: (N, 3, H, W), 0..1: the sample that defines the distance.
        """
        layers = list(self.style_layers)
        photo_grams = {k: gram_matrix(f) for k, f in self.network.features(photos, layers).items()}
        grams: dict[str, list[Tensor]] = {k: [] for k in layers}
        for painting in paintings:
            for k, f in self.network.features(painting, layers).items():
                grams[k].append(gram_matrix(f))
        stacked = {k: torch.cat(v) for k, v in grams.items()}
        distance = {k: torch.stack([(photo_grams[k] - gram).square().mean() for gram in stacked[k]]) for k in layers}
        return StyleTargets(stacked, distance)

    @torch.no_grad()
    def content_targets(self, photos: Tensor) -> dict[str, Tensor]:
        """Features of the photos at the content layers."""
        return self.network.features(photos, self.content_layers)

    def __call__(
        self, stylized: Tensor, content_targets: Mapping[str, Tensor], targets: StyleTargets, style: Tensor
    ) -> LossTerms:
        """Evaluate a batch.

        Args:
            stylized: (B, 3, H, W), 0..1 (not clamped), gradients flow.
            content_targets: From `content_targets`.
            targets: From `style_targets`.
            style: (B,) long: which painting each picture of the batch has.

        Returns:
            LossTerms with `style` and `content` of shape (B,).
        """
        layers = list(dict.fromkeys([*self.style_layers, *self.content_layers]))
        features = self.network.features(stylized, layers)
        per_layer: dict[str, Tensor] = {}
        total = stylized.new_zeros(stylized.shape[0], dtype=torch.float32)
        for k, weight in self.style_layers.items():
            distance = (gram_matrix(features[k]) - targets.grams[k][style]).square().mean((1, 2))
            per_layer[k] = distance / targets.photo_distance[k][style]
            total = total + weight * per_layer[k]
        content = torch.zeros_like(total)
        for k in self.content_layers:
            target = content_targets[k].float()
            error = (features[k].float() - target).square().mean((1, 2, 3))
            content = content + error / target.var(dim=(1, 2, 3)).clamp_min(1e-8)
        scale = sum(self.style_layers.values())
        return LossTerms(total / scale, content / max(1, len(self.content_layers)), per_layer)
