"""Options and set-up that `video` and `live` share."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ._controls import add_controls, controls_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ..core.inference import StyleSelection
    from ..core.inference.video import FilmPainter, StyleCurve
    from ..core.style_model import StyleModel


def add_film_options(parser: argparse.ArgumentParser, *, blend: float, smooth: float) -> None:
    """Model, style, and what frames know of each other.

    Args:
        parser: Of the subcommand.
        blend: Default of --blend.
        smooth: Default of --smooth.
    """
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar=("MODEL", "COMPANION"),
        help="as in `brushwork stylize` (default: the model that has the style)",
    )
    parser.add_argument("--style", metavar="STYLE", help="name, index, picture or model file; default: the first style")
    parser.add_argument("--mix", nargs="+", default=[], metavar="STYLE=WEIGHT", help="several styles at once")
    parser.add_argument("--strength", type=float, default=1.0, help="0 to 1; default %(default)s")
    parser.add_argument("--size", type=positive, metavar="PX", help="scale frames down to this longer side")
    parser.add_argument("--style-size", type=positive, metavar="PX", help="short side of the style picture")
    parser.add_argument(
        "--blend",
        type=float,
        default=blend,
        metavar="SHARE",
        help="of the picture that keeps its paint for the next frame, moved along, 0 to 0.95; default %(default)s",
    )
    parser.add_argument(
        "--smooth",
        type=float,
        default=smooth,
        metavar="SHARE",
        help="of the past in the statistics of instance norm, 0 to 0.99; 0: none; default %(default)s",
    )
    parser.add_argument(
        "--cut",
        type=float,
        default=0.6,
        metavar="SHARE",
        help="scene cut where the last frame leaves so much of a frame unexplained; 2: never; default %(default)s",
    )
    parser.add_argument(
        "--flow",
        choices=("auto", "lucas-kanade", "raft"),
        default="auto",
        help="optical flow; raft needs torchvision's weights in the torch hub cache",
    )
    parser.add_argument("--precision", choices=("auto", "exact", "fast"), default="auto", help="as in stylize")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default %(default)s")
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="your models folder; default: BRUSHWORK_MODELS")
    add_controls(parser, films=True)


def film_painter(args: argparse.Namespace, curve: StyleCurve | None = None, mask: Tensor | None = None) -> FilmPainter:
    """From the options to something that paints frames.

    Args:
        args: With the options of `add_film_options`.
        curve: Style and strength over the frames, instead of --style, --mix and --strength.
        mask: Where to paint.

    Raises:
        BrushworkError: An option is out of range, or no model fits.
    """
    from ..core.color import check_color_mode
    from ..core.inference import Stylizer
    from ..core.inference.strength import check_strength
    from ..core.inference.video import FilmPainter, TemporalOptions, VideoStylizer
    from ._choice import Chooser
    from .models import models_folders, progress_bar

    options = TemporalOptions(args.blend, args.smooth, args.cut, args.flow)
    check_strength(args.strength)
    mode, controls = check_color_mode(args.preserve_color), controls_from(args)
    mix = args.mix if curve is None else [f"{name}=1" for name in curve.names]
    with progress_bar("downloading") as download:
        chooser = Chooser(models_folders(args.models_dir), args.style_size, download)
        model, style = chooser.choose(args.model, args.style, mix)
    video = VideoStylizer(Stylizer(model, args.device, args.precision), options)
    selection = None if curve is None else _selection(model, curve.names, style)
    return FilmPainter(
        video,
        style,
        args.strength,
        curve=curve,
        selection=selection,
        mask=mask,
        preserve_color=mode,
        controls=controls,
    )


def _selection(model: StyleModel, names: list[str], style: StyleSelection):  # noqa: ANN202 - a closure
    """Weights of a curve → layers with the styles that the names mean in this model."""
    from ..core.style_model import StyleLayer

    layers = style if isinstance(style, list) else []
    known = {name: layer for name, layer in zip(names, layers, strict=True) if isinstance(layer, StyleLayer)}

    def select(weights: Mapping[str, float]) -> StyleSelection:
        return [replace(known[name], weight=weight) for name, weight in weights.items()]

    return select


def shrunk(frame: Tensor, longer_side_px: int | None) -> Tensor:
    """Scale (1, 3, H, W) down to a longer side, to even sides: half-resolution colour needs them."""
    from ..core.images import resize_image

    height, width = frame.shape[-2:]
    if longer_side_px is None or longer_side_px >= max(height, width):
        return frame
    ratio = longer_side_px / max(height, width)
    return resize_image(frame, *(max(2, 2 * round(side * ratio / 2)) for side in (height, width)))


def positive(text: str) -> int:
    """An option that counts."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
