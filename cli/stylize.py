"""`brushwork stylize`: photos in, paintings out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.inference import StyleSelection, Stylizer

EXAMPLES = """examples:
  brushwork stylize photo.jpg -o painting.png --style starry-night
  brushwork stylize holiday/ -o painted/ --style my_painting.jpg --preserve-color luminance
  brushwork stylize *.png -o out/ --model candy.model --strength 0.6
  brushwork stylize photo.jpg -o out.png --mix starry-night=0.5 the-scream=0.5
"""


BAR = "{percentage:3.0f}% |{bar}| {n:.2f} of {total} pictures, {elapsed}, {remaining} left"


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
        help="name or index in the model, a picture for any-style models, or a model file (default: the first style)",
    )
    parser.add_argument(
        "--mix", nargs="+", default=[], metavar="STYLE=WEIGHT", help="several styles at once, instead of --style"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 (the photo) to 1 (the painting); default %(default)s"
    )
    parser.add_argument(
        "--preserve-color",
        choices=("none", "luminance", "histogram", "coral"),
        default="none",
        help="keep the photo's colours: its chroma, its histograms, or its mean and covariance",
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="paint only where this picture is white")
    parser.add_argument(
        "--precision",
        choices=("auto", "exact", "fast"),
        default="auto",
        help="exact: float32; fast: half precision; auto: fast on CUDA",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default %(default)s")
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="memory that painting may take, such as 2GiB: larger pictures go through it in strips, and layers that do "
        "not fit into files (default: what the machine can spare)",
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stylize; 0, or 2 where some pictures were bad and are reported."""
    from ..core.color import check_color_mode
    from ..core.inference import Stylizer
    from ..core.inference.memory import parse_bytes
    from ..core.inference.strength import check_strength
    from ..core.pictures.find import find_with_names
    from ._choice import Chooser
    from ._places import plan_outputs
    from .models import models_folders, progress_bar

    check_strength(args.strength)
    max_memory = None if args.max_memory is None else parse_bytes(args.max_memory)
    check_color_mode(args.preserve_color)
    found = find_with_names(args.inputs)
    several = len(args.inputs) > 1 or len(found) > 1 or Path(args.inputs[0]).is_dir()
    plan = plan_outputs(found, args.out, several=several)
    if not args.overwrite:
        plan = {path: target for path, target in plan.items() if not target.exists()}
    mask = None if args.mask is None else read_mask(args.mask)
    with progress_bar("downloading") as download:
        chooser = Chooser(models_folders(args.models_dir), args.style_size, download)
        model, style = chooser.choose(args.model, args.style, args.mix)
    stylizer = Stylizer(model, args.device, args.precision, max_memory=max_memory)
    failures = _paint_all(plan, stylizer, style, mask, args)
    if failures and len(plan) > 1:
        print(f"{failures} of {len(plan)} pictures could not be painted; see above.", file=sys.stderr)
    return 2 if failures else 0


def _paint_all(
    plan: dict[Path, Path], stylizer: Stylizer, style: StyleSelection, mask: Tensor | None, args: argparse.Namespace
) -> int:
    """Paint one after the other; a bad picture is reported and counted, everything else ends the run."""
    from tqdm import tqdm

    from ..core.errors import ImageError

    failures = 0
    # appears only on a terminal, and only for work of more than two seconds
    with tqdm(total=len(plan), unit="picture", bar_format=BAR, file=sys.stderr, disable=None, delay=2) as bar:
        for done, (path, target) in enumerate(plan.items()):
            try:
                _paint(path, target, stylizer, style, mask, args, lambda share, done=done: _show(bar, done + share))
            except ImageError as error:
                failures += 1
                bar.write(str(error), file=sys.stderr)
            else:
                bar.write(str(target), file=sys.stdout)
            _show(bar, done + 1)
    return failures


def _show(bar: Any, done: float) -> None:
    """Move a bar of pictures to where the work is, in hundredths."""
    bar.update(round(done, 2) - bar.n)


def _paint(
    path: Path,
    target: Path,
    stylizer: Stylizer,
    style: StyleSelection,
    mask: Tensor | None,
    args: argparse.Namespace,
    on_strip: Callable[[float], None],
) -> None:
    from ..core.images import shrink_longer_side
    from ..core.pictures import read_picture, write_picture

    picture = read_picture(path)
    image = picture.image if args.size is None else shrink_longer_side(picture.image, args.size)
    try:
        painting = stylizer(
            image, style, args.strength, mask=mask, preserve_color=args.preserve_color, on_strip=on_strip
        )
    except (MemoryError, RuntimeError) as error:
        raise _out_of_memory(path, image, error) from error
    write_picture(replace(picture, image=painting), target, quality=args.quality)


def _out_of_memory(path: Path, image: Tensor, error: Exception) -> Exception:
    """The error to raise: explained if it is about memory, else as it is."""
    from ..core.errors import ImageError

    text = str(error).lower()
    if not isinstance(error, MemoryError) and "memory" not in text and "allocate" not in text:
        return error
    height, width = image.shape[-2:]
    return ImageError(
        f"{path} does not fit into the memory of this machine.",
        expected="a smaller picture",
        got=f"{width}×{height}: {next(iter(str(error).splitlines()), 'MemoryError')}",
        do=f"Try --size {max(width, height) // 2}, or --device cpu.",
    )


def read_mask(path: Path) -> Tensor:
    """Luminance of a picture, (H, W); transparent counts as black."""
    from ..core.color import luminance
    from ..core.images import split_alpha
    from ..core.pictures import read_picture

    rgb, alpha = split_alpha(read_picture(path).image)
    mask = luminance(rgb)
    return (mask if alpha is None else mask * alpha)[0, 0]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
