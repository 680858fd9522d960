"""`brushwork grid`: styles × strengths, or × stroke sizes, of one photo in one labelled picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._controls import COLOR_MODES

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.inference.style_grid import GridRow

EXAMPLES = """examples:
  brushwork grid photo.jpg -o grid.png                                     (all styles of the first bundled model)
  brushwork grid photo.jpg -o grid.png --style starry-night the-scream --strength 0.25 0.5 0.75 1
  brushwork grid photo.jpg -o grid.png --style starry-night --stroke-size 0.5 1 2 4
  brushwork grid photo.jpg -o grid.png --model my_adain.safetensors --style a.jpg b.jpg c.jpg
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "grid",
        help="styles × strengths or stroke sizes of a photo in one labelled picture",
        description="Paint one photo in several styles and strengths, to choose from.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.png")
    parser.add_argument(
        "--model", nargs="+", default=[], metavar=("MODEL", "COMPANION"), help="default: the model that has the styles"
    )
    parser.add_argument(
        "--style", nargs="+", default=[], metavar="STYLE", help="names, or pictures for any-style models; default: all"
    )
    parser.add_argument(
        "--strength",
        nargs="+",
        type=float,
        default=[],
        help="a row for each; default 0.25 0.5 0.75 1, with --stroke-size 1",
    )
    parser.add_argument(
        "--stroke-size",
        nargs="+",
        type=float,
        default=[],
        metavar="K",
        help="a row for each, instead of one for each strength: 0.25 to 4",
    )
    parser.add_argument(
        "--size", type=int, default=512, metavar="PX", help="longer side while painting; default %(default)s"
    )
    parser.add_argument(
        "--cell", type=int, default=256, metavar="PX", help="side of a picture in the grid; default %(default)s"
    )
    parser.add_argument("--preserve-color", choices=COLOR_MODES, default="none", help="as in stylize")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default %(default)s")
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="your models folder; default: BRUSHWORK_MODELS")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Paint the grid; 0 when done."""
    from tqdm import tqdm

    from ..core.files import atomic_path
    from ..core.images import shrink_longer_side
    from ..core.inference import Stylizer
    from ..core.inference.style_grid import GridColumn, named_columns, style_grid
    from ..core.pictures import check_writable, read_picture
    from ._choice import Chooser
    from .models import models_folders, progress_bar

    check_writable(args.out)
    rows, strength = _rows(args.strength, args.stroke_size)
    photo = shrink_longer_side(read_picture(args.photo).image, args.size)
    with progress_bar("downloading") as download:
        chooser = Chooser(models_folders(args.models_dir), None, download)
        # a mix of all of them: one model, looked for once, that has every style
        model, layers = chooser.choose(args.model, None, [f"{style}=1" for style in args.style])
    columns = named_columns(model)
    if isinstance(layers, list):
        columns = [GridColumn(Path(name).stem, layer.style) for name, layer in zip(args.style, layers, strict=True)]
    with tqdm(total=len(rows) * len(columns), unit="painting", file=sys.stderr, disable=None, delay=2) as bar:

        def show(done: int, total: int, painting: Tensor) -> None:
            bar.update(done - bar.n)

        grid = style_grid(
            Stylizer(model, args.device),
            photo,
            columns,
            rows,
            cell_px=args.cell,
            strength=strength,
            preserve_color=args.preserve_color,
            progress=show,
        )
    with atomic_path(args.out) as temporary:
        grid.save(temporary)
    print(args.out)
    return 0


def _rows(strengths: list[float], stroke_sizes: list[float]) -> tuple[list[GridRow], float]:
    """The rows of the grid, and the strength of those that do not name one."""
    from ..core.errors import ConfigError
    from ..core.inference.strength import check_strength
    from ..core.inference.style_grid import stroke_rows, value_rows

    strengths = [check_strength(value) for value in strengths]
    if not stroke_sizes:
        return value_rows("strength", strengths or [0.25, 0.5, 0.75, 1.0]), 1.0
    if len(strengths) > 1:
        raise ConfigError(
            "A grid has rows of strengths or of stroke sizes.",
            expected="one --strength beside --stroke-size",
            got=" ".join(f"{value:g}" for value in strengths),
            do="Choose one strength, or draw two grids.",
        )
    return stroke_rows(stroke_sizes), strengths[0] if strengths else 1.0
