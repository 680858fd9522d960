"""Painting films: frames that know of each other."""

from .film import FilmPainter
from .keyframes import Keyframe, StyleCurve, morph, read_keyframes
from .stylizer import VideoStylizer
from .temporal import FlowMethod, TemporalOptions

__all__ = [
    "FilmPainter",
    "FlowMethod",
    "Keyframe",
    "StyleCurve",
    "TemporalOptions",
    "VideoStylizer",
    "morph",
    "read_keyframes",
]
