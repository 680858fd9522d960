"""What of a layer's features is called style: Gram matrix, mean and deviation, mean and covariance, or patches.

The four choices of the literature, behind two functions each: `describe` features, measure the `distance` of
features to a description.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from .functional import calc_mean_std, gram_matrix

Description = tuple[Tensor, ...]
"""Tensors with a leading dimension over pictures."""


class StyleStatistic(ABC):
    """One choice of statistic."""

    @abstractmethod
    def describe(self, features: Tensor) -> Description:
        """(B, C, H, W) → tensors (B, …), float32 or better."""

    def between(self, own: Description, target: Description) -> Tensor:
        """Squared distance of descriptions (B, …) to descriptions (B or 1, …), shape (B,): a mean over the entries."""
        parts = zip(own, target, strict=True)
        return torch.stack([(mine - goal).square().flatten(1).mean(1) for mine, goal in parts]).sum(0)

    def distance(self, features: Tensor, target: Description) -> Tensor:
        """Squared distance of features (B, C, H, W) to descriptions (B or 1, …), shape (B,)."""
        return self.between(self.describe(features), target)


class Gram(StyleStatistic):
    """Gatys et al. 2016; Johnson et al. 2016, eq. 3–4."""

    def describe(self, features: Tensor) -> Description:
        """Gram matrices (B, C, C)."""
        return (gram_matrix(features),)


class MeanStd(StyleStatistic):
    """Mean and deviation per channel   (Huang & Belongie 2017, eq. 13)."""

    def describe(self, features: Tensor) -> Description:
        """μ and σ, each (B, C, 1, 1)."""
        return calc_mean_std(features.float() if features.dtype in (torch.float16, torch.bfloat16) else features)


class Covariance(StyleStatistic):
    """Mean and covariance: the Gaussian of the features   (cf. Li et al. 2017, arXiv 1701.01036, § 4.2)."""

    def describe(self, features: Tensor) -> Description:
        """μ (B, C) / C and the covariance (B, C, C) / C; the division keeps both on the Gram's scale."""
        channels, positions = features.shape[1], features.shape[2] * features.shape[3]
        work = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        mean = work.mean((2, 3))
        gram = gram_matrix(features).to(work.dtype) * (channels * positions) / positions
        return mean / channels, (gram - mean[:, :, None] * mean[:, None, :]) / channels


class Mrf(StyleStatistic):
    """3×3 patches of features, each compared with its nearest patch of the painting   (Li & Wand 2016, eq. 2–3).

    Args:
        patches: Patches kept of each painting, evenly spaced.
    """

    def __init__(self, patches: int = 1024) -> None:
        self.patches = patches

    def describe(self, features: Tensor) -> Description:
        """(B, patches, 9·C)."""
        every = F.unfold(features.float(), 3).transpose(1, 2)
        keep = torch.linspace(0, every.shape[1] - 1, self.patches, device=features.device).round().long()
        return (every[:, keep],)

    def between(self, own: Description, target: Description) -> Tensor:
        """Mean squared difference to the patch with the largest normalised cross-correlation, shape (B,)."""
        patches = own[0]  # (B, positions, 9·C)
        goal = target[0].expand(patches.shape[0], -1, -1)
        with torch.no_grad():
            nearest = torch.bmm(F.normalize(patches, dim=2), F.normalize(goal, dim=2).transpose(1, 2)).argmax(2)
        matched = torch.gather(goal, 1, nearest[:, :, None].expand(-1, -1, goal.shape[2]))
        return (patches - matched).square().mean((1, 2))

    def distance(self, features: Tensor, target: Description) -> Tensor:
        """As `between`, with the patch around every position."""
        return self.between((F.unfold(features.float(), 3).transpose(1, 2),), target)


STATISTICS: dict[str, type[StyleStatistic]] = {
    "gram": Gram,
    "mean-std": MeanStd,
    "covariance": Covariance,
    "mrf": Mrf,
}


def style_statistic(name: str) -> StyleStatistic:
    """By the name that options use.

    Raises:
        ConfigError: Unknown name.
    """
    if name not in STATISTICS:
        raise ConfigError(
            f"There is no style statistic `{name}`.",
            expected=" | ".join(STATISTICS),
            got=name,
            do="Choose one of these; gram is the default.",
        )
    return STATISTICS[name]()
