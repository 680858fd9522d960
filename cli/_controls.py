"""The options of the artist's controls, and the controls that they mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.inference import Controls

COLOR_MODES = ("none", "luminance", "histogram", "coral", "keep", "lab", "palette")
"""As core.color.ColorMode, which `brushwork --help` must not import: it pulls torch."""


def add_controls(parser: argparse.ArgumentParser, *, films: bool = False) -> None:
    """Add strokes, strengths, colours and borders to a command.

    Args:
        parser: Of the command.
        films: Without what only single pictures have: linear light, and styles with masks.
    """
    strokes = parser.add_argument_group("strokes and strength")
    strokes.add_argument(
        "--stroke-size", type=float, default=1.0, metavar="K", help="strokes 0.25 to 4 times as large; default 1"
    )
    strokes.add_argument(
        "--stroke-reference",
        type=int,
        metavar="PX",
        help="strokes grow with the picture: as a preview with this longer side has them, at any size",
    )
    strokes.add_argument(
        "--coarse-strength", type=float, default=1.0, metavar="S", help="factor on --strength for tones and colours"
    )
    strokes.add_argument(
        "--fine-strength", type=float, default=1.0, metavar="S", help="factor on --strength for strokes and detail"
    )
    strokes.add_argument(
        "--strength-map", type=Path, metavar="FILE", help="factor on --strength by place: white full, black the photo"
    )
    colors = parser.add_argument_group("colours")
    colors.add_argument(
        "--preserve-color",
        choices=COLOR_MODES,
        default="none",
        help="whose colours: the photo's chroma (luminance), channel histograms, mean and covariance (coral), exact "
        "CIELAB colours (keep), CIELAB mean and spread (lab), set of colours (palette)",
    )
    colors.add_argument(
        "--color-amount", type=float, default=1.0, metavar="A", help="how much of it, 0 to 1; default 1"
    )
    colors.add_argument(
        "--palette",
        type=Path,
        metavar="FILE",
        help="colours of this picture instead of the photo's; not for luminance and keep",
    )
    borders = parser.add_argument_group("borders" if films else "borders and light")
    borders.add_argument(
        "--wrap",
        choices=("none", "x", "y", "both", "panorama"),
        default="none",
        help="the picture repeats along an axis, or is an equirectangular panorama of the whole sphere",
    )
    if films:
        parser.set_defaults(region_statistics=False, linear=False)
        return
    strokes.add_argument(
        "--region-statistics",
        action="store_true",
        help="styles with masks see their region as a picture of its own, instead of as a part of the photo",
    )
    borders.add_argument(
        "--linear", action="store_true", help="pixels are linear light, not display values; always so in EXR files"
    )


def controls_from(args: argparse.Namespace) -> Controls:
    """The controls of a run.

    Raises:
        ConfigError: A value out of its range.
        ImageError: A map or palette that cannot be read.
    """
    from ..core.color import check_color_mode
    from ..core.color.preserve import check_palette
    from ..core.inference import Controls
    from ..core.pictures import read_picture

    mode = check_color_mode(args.preserve_color)
    if args.palette is not None:
        check_palette(mode)
    return Controls(
        coarse_strength=args.coarse_strength,
        fine_strength=args.fine_strength,
        strength_map=None if args.strength_map is None else read_mask(args.strength_map),
        stroke_size=args.stroke_size,
        stroke_reference_px=args.stroke_reference,
        color_amount=args.color_amount,
        palette=None if args.palette is None else read_picture(args.palette).image,
        wrap=args.wrap,
        encoding="linear" if args.linear else "srgb",
        region_statistics=args.region_statistics,
    )


def read_mask(path: str | Path) -> Tensor:
    """Luminance of a picture, (H, W); transparent counts as black."""
    from ..core.color import luminance
    from ..core.images import split_alpha
    from ..core.pictures import read_picture

    rgb, alpha = split_alpha(read_picture(path).image)
    mask = luminance(rgb)
    return (mask if alpha is None else mask * alpha)[0, 0]
