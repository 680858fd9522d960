"""Running models: photo in, painting out."""

from ..style_model import StyleLayer, StyleModel, StyleSelection
from .controls import NEUTRAL, Controls
from .device import Precision, resolve_device
from .stylizer import ProgressFn, Stylizer

__all__ = [
    "NEUTRAL",
    "Controls",
    "Precision",
    "ProgressFn",
    "StyleLayer",
    "StyleModel",
    "StyleSelection",
    "Stylizer",
    "resolve_device",
]
