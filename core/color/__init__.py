"""Colour apart from style: whose colours a painting has, and how much of them."""

from .lab import keep_color, lab_to_srgb, linear_to_srgb, srgb_to_lab, srgb_to_linear
from .luminance import LUMA, luminance, transfer_luminance
from .palette import match_palette
from .preserve import ColorMode, check_color_mode, preserve_color
from .statistics import match_covariance, match_histogram, match_lab

__all__ = [
    "LUMA",
    "ColorMode",
    "check_color_mode",
    "keep_color",
    "lab_to_srgb",
    "linear_to_srgb",
    "luminance",
    "match_covariance",
    "match_histogram",
    "match_lab",
    "match_palette",
    "preserve_color",
    "srgb_to_lab",
    "srgb_to_linear",
    "transfer_luminance",
]
