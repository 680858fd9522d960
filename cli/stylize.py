"""`brushwork stylize`: photos in, paintings out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ._controls import add_controls, controls_from, read_mask
from ._files import FileRun

EXAMPLES = """examples:
  brushwork stylize photo.jpg -o painting.png --style starry-night
  brushwork stylize holiday/ -o painted/ --style my_painting.jpg --preserve-color luminance
  brushwork stylize *.png -o out/ --model candy.model --strength 0.6
  brushwork stylize photo.jpg -o out.png --mix starry-night=0.5 the-scream=0.5
  brushwork stylize photo.jpg -o out.png --mix starry-night=1@sky.png great-wave=1@sea.png --stroke-size 2
  brushwork stylize photo.jpg -o out.png --style klimt-adele --preserve-color palette --palette sunset.jpg
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "stylize",
        help="repaint photos in a style",
        description="Repaint photos in a style. EXIF, colour profile and 16-bit depth are kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="picture files, folders, patterns")
    parser.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="a file for one input, else a folder; names are kept"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar=("MODEL", "COMPANION"),
        help="id of `brushwork models list`, model file or folder, and further files it needs "
        "(default: the model that has the style)",
    )
    parser.add_argument(
        "--style",
        metavar="STYLE",
        help="name or index in the model, a picture (or a folder of them, averaged) for any-style models, or a model "
        "file (default: the first style)",
    )
    parser.add_argument(
        "--mix",
        nargs="+",
        default=[],
        metavar="STYLE=WEIGHT[@MASK]",
        help="several styles at once, instead of --style, each everywhere or where its mask is white",
    )
    parser.add_argument(
        "--corners",
        nargs=4,
        default=[],
        metavar="STYLE",
        help="a mix of four styles, upper left, upper right, lower left and lower right of a square; see --at",
    )
    parser.add_argument(
        "--at",
        nargs=2,
        type=float,
        default=[0.5, 0.5],
        metavar=("X", "Y"),
        help="the place in the square; default 0.5 0.5",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 (the photo) to 1 (the painting); default %(default)s"
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="paint only where this picture is white")
    parser.add_argument(
        "--precision",
        choices=("auto", "exact", "fast"),
        default="auto",
        help="exact: float32; fast: half precision, where the processor has it; auto: fast on CUDA",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default %(default)s")
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="memory that painting may take, such as 2GiB: larger pictures go through it by rows, and layers that do "
        "not fit lie in files where TMPDIR points (default: what the machine can spare)",
    )
    parser.add_argument(
        "--style-size", type=_positive, metavar="PX", help="short side of the style picture; default: at most 512"
    )
    parser.add_argument(
        "--size", type=_positive, metavar="PX", help="scale photos down to this longer side; default: as they are"
    )
    parser.add_argument(
        "--quality", type=int, default=95, help="of JPEG and WebP, 1 to 100 (WebP: lossless); default %(default)s"
    )
    parser.add_argument(
        "--overwrite",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="replace earlier results; --no-overwrite skips them. Inputs are never replaced",
    )
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="your models folder; default: BRUSHWORK_MODELS")
    add_controls(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stylize; 0, or 2 where some pictures were bad and are reported."""
    from ..core.inference import Stylizer
    from ..core.inference.memory import parse_bytes
    from ..core.inference.stream import Painting
    from ..core.inference.strength import check_strength
    from ..core.pictures.find import find_with_names
    from ._choice import Chooser
    from ._places import plan_outputs
    from .models import models_folders, progress_bar

    check_strength(args.strength)
    max_memory = None if args.max_memory is None else parse_bytes(args.max_memory)
    controls = controls_from(args)
    found = find_with_names(args.inputs)
    several = len(args.inputs) > 1 or len(found) > 1 or Path(args.inputs[0]).is_dir()
    plan = plan_outputs(found, args.out, several=several)
    if not args.overwrite:
        plan = {path: target for path, target in plan.items() if not target.exists()}
    mask = None if args.mask is None else read_mask(args.mask)
    with progress_bar("downloading") as download:
        chooser = Chooser(models_folders(args.models_dir), args.style_size, download)
        model, style = chooser.choose(args.model, args.style, args.mix, args.corners, args.at)
    stylizer = Stylizer(model, args.device, args.precision, max_memory=max_memory)
    painting = Painting(style, args.strength, mask, args.preserve_color, controls)
    failures = FileRun(stylizer, painting, args).paint_all(plan)
    if failures and len(plan) > 1:
        print(f"{failures} of {len(plan)} pictures could not be painted; see above.", file=sys.stderr)
    return 2 if failures else 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
