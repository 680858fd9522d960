"""`brushwork video`: a film in, a painted film out, with its sound."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._film import add_film_options, film_painter, positive, shrunk

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.inference.video import FilmPainter, StyleCurve

EXAMPLES = """examples:
  brushwork video walk.mp4 -o painted.mp4 --style starry-night
  brushwork video walk.mp4 -o painted.mp4 --morph starry-night great-wave --preserve-color luminance
  brushwork video walk.mp4 -o painted.mp4 --keyframes curve.json
  brushwork video walk.mp4 -o try.mp4 --style my_painting.jpg --size 640 --frames 50
A run that was stopped goes on where it was when the same command is given again.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "video",
        help="repaint a film, without flicker",
        description="Repaint a film so that the paint stays on what it was painted on. Sound is copied.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="INPUT", help="video file")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help=".mp4, .mov, .mkv, .webm or .avi")
    add_film_options(parser, blend=0.75, smooth=0.2)
    parser.add_argument("--mask", type=Path, metavar="FILE", help="paint only where this picture is white")
    parser.add_argument("--keyframes", type=Path, metavar="FILE.json", help="styles and strength as curves over frames")
    parser.add_argument("--morph", nargs="+", metavar="STYLE", help="from the first style to the last over the film")
    parser.add_argument("--frames", type=positive, metavar="N", help="only the first N frames")
    parser.add_argument("--codec", default="auto", help="FFmpeg's name of the encoder; default: H.264, VP9 for .webm")
    parser.add_argument("--crf", type=int, default=18, help="quality, 0 to 51, smaller is better; default %(default)s")
    parser.add_argument("--no-audio", action="store_true", help="leave the sound out")
    parser.add_argument(
        "--overwrite",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="replace an earlier result; --no-overwrite does nothing where there is one",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Paint the film; 0 when done."""
    from tqdm import tqdm

    from ..core.videos import Encoding, VideoJob
    from .stylize import read_mask

    if args.out.exists() and not args.overwrite:
        return 0
    encoding = Encoding(args.out.suffix, args.codec, args.crf)
    curve, clock = _curve(args)
    mask = None if args.mask is None else read_mask(args.mask)
    painter = film_painter(args, curve, mask)
    job = VideoJob(
        args.input,
        args.out,
        encoding,
        _choices(args, painter, mask, clock),
        sound=not args.no_audio,
        frames=args.frames,
    )
    with tqdm(unit="frame", file=sys.stderr, disable=None, delay=2) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        job.run(_Shrinking(painter, args.size), progress)
    print(args.out)
    return 0


class _Shrinking:
    """A painter of smaller frames."""

    def __init__(self, painter: FilmPainter, longer_side_px: int | None) -> None:
        self.painter, self.longer_side_px = painter, longer_side_px
        self.state_dict, self.load_state_dict = painter.state_dict, painter.load_state_dict

    def __call__(self, frame: Tensor, index: int) -> Tensor:
        return self.painter(shrunk(frame, self.longer_side_px), index)


def _curve(args: argparse.Namespace) -> tuple[StyleCurve | None, str]:
    """The curve, and what it was made of as text."""
    from ..core.errors import ConfigError
    from ..core.inference.video import morph, read_keyframes
    from ..core.videos import VideoFile

    given = [name for name in ("style", "mix", "keyframes", "morph") if getattr(args, name)]
    if len(given) > 1:
        raise ConfigError(
            f"--{given[0]} and --{given[1]} exclude each other.",
            expected="one of --style, --mix, --keyframes, --morph",
            got=", ".join(f"--{name}" for name in given),
            do="Write mixes into the keyframes.",
        )
    keyframes: Path | None = args.keyframes
    if keyframes is None and args.morph is None:
        return None, ""
    with VideoFile(args.input) as video:
        rate, frames = video.rate, min(video.frames or sys.maxsize, args.frames or sys.maxsize)
    if keyframes is None:
        if frames == sys.maxsize:
            raise ConfigError(
                f"{args.input} does not say how long it is.",
                expected="a file with a duration",
                got="none",
                do="Give --frames N, or --keyframes.",
            )
        return morph(args.morph, frames, args.strength), f"{args.morph} {frames}"
    try:
        text = keyframes.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{keyframes} cannot be read.", expected="a JSON file", got=str(error), do="Correct the name."
        ) from error
    return read_keyframes(text, float(rate), args.strength), text


def _choices(args: argparse.Namespace, painter: FilmPainter, mask: Tensor | None, clock: str) -> str:
    """All that decides what the film will look like: a rerun goes on only with the same."""
    from ..core.inference.video.fingerprint import fingerprint

    said = {name: str(value) for name, value in vars(args).items() if name not in ("run", "command", "out", "input")}
    stylizer = painter.video.stylizer
    pictures = [mask, painter.controls.strength_map, painter.controls.palette]
    model = stylizer.model
    seen = fingerprint([model.network.state_dict(), model.spec.margin_px, painter.style, *pictures])
    return json.dumps([said, clock, seen, str(stylizer.device), str(stylizer.dtype)], sort_keys=True)
