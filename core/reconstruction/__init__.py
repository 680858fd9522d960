"""Pictures by optimisation: what a layer keeps of a picture, and the best painting that a loss network knows."""

from .ceiling import CeilingOptions, best_painting
from .features import ReconstructionOptions, reconstruct
from .pixels import Painted, PixelProgress

__all__ = [
    "CeilingOptions",
    "Painted",
    "PixelProgress",
    "ReconstructionOptions",
    "best_painting",
    "reconstruct",
]
