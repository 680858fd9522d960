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

from .statistics import Description, Gram, StyleStatistic

BORDER_PX = 16
"""Width of the border whose paint can count by itself."""
BORDER_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
"""Where it counts: deeper layers see far beyond it."""
SMALLEST_DISTANCE = 0.01
"""Least distance of photos to a painting, as a share of the squared size of its statistics: a picture that all photos
resemble would otherwise be weighted without bound."""


class LossNetwork(Protocol):
    """Anything that gives named features: one VGG, or several side by side."""

    def features(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """(B, 3, H, W) core image → name → (B, C, h, w)."""
        ...


@dataclass(frozen=True)
class LossTerms:
    """The parts of one evaluation, each (B,)."""

    style: Tensor
    content: Tensor
    per_layer: Mapping[str, Tensor] = field(default_factory=dict)
    """Style loss by layer, before the weights."""


@dataclass(frozen=True)
class StyleTargets:
    """Statistics of one or several paintings, and how far the average photo is from each.

    The distance makes `style = 1` mean "no nearer to the painting than a photo" for every painting and layer, so
    that one weight suits all.
    """

    statistics: Mapping[str, Description]
    """layer → tensors (S, …)."""
    photo_distance: Mapping[str, Tensor]
    """layer → (S,): mean distance of sample photos."""


class PerceptualLoss:
    """Style and content loss of stylized pictures.

    style   = Σ_l w_l · d_l(y, s) / D_l(s) / Σ w,   d the distance of statistics, D its mean over photos
              + b · mean_k d_k(border of y, s) / D_k(s)
    content = Σ_l mean (F_l(y) − F_l(x))² / var F_l(x) / n

    Args:
        network: Loss network, frozen.
        style_layers: layer → weight w_l.
        content_layers: Layers of the content term; empty: the pixels themselves.
        statistic: What is compared; Gram matrices by default.
        border_weight: b, of the positions within 16 px of the edge, k being those of the style layers that are relu1_1,
            relu2_1 and relu3_1 (docs/adr/0026). Pictures must then be wider than 32 px.
    """

    def __init__(
        self,
        network: LossNetwork,
        style_layers: Mapping[str, float],
        content_layers: Sequence[str],
        statistic: StyleStatistic | None = None,
        border_weight: float = 0.0,
    ) -> None:
        self.network = network
        self.style_layers = dict(style_layers)
        self.content_layers = tuple(content_layers)
        self.statistic = statistic or Gram()
        self.border_weight = border_weight
        self.border_layers = [k for k in BORDER_LAYERS if border_weight and k in self.style_layers]

    @torch.no_grad()
    def describe(self, photos: Tensor) -> dict[str, Description]:
        """Statistics of photos (N, 3, H, W), 0..1, at the style layers, for `style_targets`."""
        features = self.network.features(photos, list(self.style_layers))
        return {k: self.statistic.describe(f) for k, f in features.items()}

    @torch.no_grad()
    def style_targets(self, paintings: Sequence[Tensor], photos: Mapping[str, Description]) -> StyleTargets:
        """Targets for paintings of any size.

        Args:
            paintings: Each (1 or more, 3, h, w), 0..1; several in one tensor are several styles.
            photos: From `describe`: the sample that defines the distance.
        """
        layers = list(self.style_layers)
        described: dict[str, list[Description]] = {k: [] for k in layers}
        for painting in paintings:
            for k, f in self.network.features(painting, layers).items():
                described[k].append(self.statistic.describe(f))
        statistics = {k: tuple(torch.cat(part) for part in zip(*v, strict=True)) for k, v in described.items()}
        distance: dict[str, Tensor] = {}
        for k, target in statistics.items():
            count = target[0].shape[0]
            per_style = [
                self.statistic.between(photos[k], tuple(part[i : i + 1] for part in target)).mean()
                for i in range(count)
            ]
            size = torch.stack([part.square().flatten(1).mean(1) for part in target]).sum(0)
            distance[k] = torch.maximum(torch.stack(per_style), SMALLEST_DISTANCE * size).clamp_min(1e-20)
        return StyleTargets(statistics, distance)

    @torch.no_grad()
    def content_targets(self, photos: Tensor) -> dict[str, Tensor]:
        """Features of the photos at the content layers."""
        return self.network.features(photos, self.content_layers) if self.content_layers else {"pixels": photos}

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

        def distance(k: str, positions: Tensor) -> Tensor:
            goal = tuple(part[style] for part in targets.statistics[k])
            return self.statistic.distance(positions, goal) / targets.photo_distance[k][style]

        for k, weight in self.style_layers.items():
            per_layer[k] = distance(k, features[k])
            total = total + weight * per_layer[k]
        total = total / sum(self.style_layers.values())
        for k in self.border_layers:
            width = BORDER_PX * features[k].shape[-1] // stylized.shape[-1]
            total = total + self.border_weight / len(self.border_layers) * distance(k, border(features[k], width))
        content = torch.zeros_like(total)
        for k, wanted in content_targets.items():
            target, own = wanted.float(), (stylized if k == "pixels" else features[k]).float()
            error = (own - target).square().mean((1, 2, 3))
            content = content + error / target.var(dim=(1, 2, 3)).clamp_min(1e-8)
        return LossTerms(total, content / len(content_targets), per_layer)


def border(features: Tensor, width: int) -> Tensor:
    """The positions of (B, C, H, W) within `width` of an edge, in one column: (B, C, N, 1)."""
    rows = features.shape[2]
    above, between, below = features.split([width, rows - 2 * width, width], 2)
    parts = (above, below, between[..., :width], between[..., -width:])
    return torch.cat([part.flatten(2) for part in parts], 2)[..., None]
