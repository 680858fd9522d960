"""What can be measured of a painting: style, content, structure, artefacts of the network, flicker."""

from .flicker import Flicker
from .measure import Measurement, Meter, mean_of
from .perceptual import feature_distance, relative_content_loss, relative_style_loss
from .structure import border, checkerboard, seam

__all__ = [
    "Flicker",
    "Measurement",
    "Meter",
    "border",
    "checkerboard",
    "feature_distance",
    "mean_of",
    "relative_content_loss",
    "relative_style_loss",
    "seam",
]
