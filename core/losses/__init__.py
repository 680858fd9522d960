"""Perceptual losses under the literature's names: pure functions, and one object that holds style targets."""

from .functional import (
    calc_mean_std,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation_loss,
)
from .grid import grid_loss
from .perceptual import LossTerms, PerceptualLoss, StyleTargets

__all__ = [
    "LossTerms",
    "PerceptualLoss",
    "StyleTargets",
    "calc_mean_std",
    "content_loss",
    "gram_matrix",
    "grid_loss",
    "style_loss",
    "total_variation_loss",
]
