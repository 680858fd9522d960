"""Style, content and feature distance in units that mean the same for every painting and photo."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses.functional import gram_matrix

STRIP_VALUES = 1 << 20
"""Of features compared in one go."""

Features = Mapping[str, Tensor]
"""Layer → (B, C, h, w)."""


def relative_style_loss(stylized: Features, photo: Features, style: Features) -> Tensor:
    """Σ_l ‖G_l(y) − G_l(s)‖² / ‖G_l(x) − G_l(s)‖² / L: 1 = no nearer to the style than the photo, 0 = its statistics.

    Gram loss of Johnson et al. 2016, eq. 4, each layer in units of the photo's own distance.

    Args:
        stylized: Features of y.
        photo: Features of x, the same layers and batch.
        style: Features of s, one picture or as many.

    Returns:
        (B,); gradients flow.
    """
    parts = []
    for layer, own in stylized.items():
        goal = gram_matrix(style[layer])
        distance = (gram_matrix(own) - goal).square().mean((1, 2))
        of_photo = (gram_matrix(photo[layer]) - goal).square().mean((1, 2))
        parts.append(distance / of_photo.clamp_min(1e-12))
    return sum(parts[1:], parts[0]) / len(parts)


def relative_content_loss(stylized: Tensor, photo: Tensor) -> Tensor:
    """‖F(y) − F(x)‖² / ‖F(x) − mean F(x)‖² of one layer: 0 = the photo, 1 = as far as a picture of the mean feature.

    Args:
        stylized: (B, C, h, w).
        photo: The same shape.

    Returns:
        (B,); gradients flow.
    """
    error = (stylized - photo).square().mean((1, 2, 3))
    return error / photo.var(dim=(1, 2, 3)).clamp_min(1e-12)


def feature_distance(first: Features, second: Features) -> Tensor:
    """Σ_l mean_hw Σ_c (f̂_l − ĝ_l)² / L, features scaled to unit length at every position.

    Zhang et al. 2018 (LPIPS, arXiv 1801.03924), eq. 1 with all weights 1 and the mean over the layers: 0 = equal,
    2 = features that have nothing in common. Not comparable with LPIPS numbers of another network.

    Returns:
        (B,).
    """
    parts = []
    for layer, own in first.items():
        # a few rows at a time: four maps as large as the features would come from the system page by page
        rows = max(1, STRIP_VALUES // own[:, :, 0].numel())
        strips = zip(own.split(rows, 2), second[layer].split(rows, 2), strict=True)
        sums = [(_unit(a) - _unit(b)).square().sum((1, 2, 3)) for a, b in strips]
        parts.append(torch.stack(sums).sum(0) / own[0, 0].numel())
    return sum(parts[1:], parts[0]) / len(parts)


def _unit(features: Tensor) -> Tensor:
    return F.normalize(features, dim=1, eps=1e-10)
