"""Running models: photo in, painting out."""

from ..style_model import StyleLayer, StyleModel, StyleSelection
from .device import Precision, resolve_device
from .stylizer import ProgressFn, Stylizer

__all__ = [
    "Precision",
    "ProgressFn",
    "StyleLayer",
    "StyleModel",
    "StyleSelection",
    "Stylizer",
    "resolve_device",
]
