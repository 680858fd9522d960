"""`brushwork measure`: how good a painting is, in numbers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.metrics import Meter

EXAMPLES = """examples:
  brushwork measure painting.png --photo photo.jpg --style starry-night.jpg
  brushwork measure painted/ --photo holiday/ --style great-wave.jpg --style-size 256 --plot quality.png
  brushwork measure frames_out/ --photo frames_in/ --style scream.jpg --film --json

style 0 = the style's statistics, 1 = the photo's; content 0 = the photo, 1 = none of it; ssim 1 = the photo's
structure; distance of features from the photo's, 0 to 2; seam: tiles have at most 1; border 1 = painted like the
rest; checkerboard in dB, 0 = none. docs/quality.md defines them.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "measure",
        help="style, content and artefacts of paintings, in numbers",
        description="Measure paintings against their photos and their style.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stylized", nargs="+", metavar="STYLIZED", help="paintings: files, folders, patterns")
    parser.add_argument(
        "--photo", nargs="+", required=True, metavar="PHOTO", help="their photos, by name or in order; one serves all"
    )
    parser.add_argument("--style", type=Path, required=True, metavar="PICTURE", help="the style")
    parser.add_argument("--style-size", type=int, metavar="PX", help="short side of the style; default: as it is")
    parser.add_argument(
        "--encoder",
        nargs="+",
        default=["compact"],
        metavar="ENCODER",
        help="compact, vgg16, vgg19 or VGG files; a layer comes from the first that has it; default compact",
    )
    parser.add_argument("--film", action="store_true", help="the paintings are frames in order: measure flicker too")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the numbers")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when done."""
    from ..core.checkpoints.encoder import load_encoder
    from ..core.files import atomic_path
    from ..core.images import resize_short_side
    from ..core.inference.device import resolve_device
    from ..core.losses.encoders import EncoderStack
    from ..core.metrics import Meter
    from ..core.metrics.plot import measurement_plot
    from ..core.metrics.table import measurement_dict, measurement_table
    from ..core.pictures import check_writable
    from ..core.pictures.find import find_with_names
    from ._training import find_encoders

    if args.plot is not None:
        check_writable(args.plot)
    pairs = pair_up(find_with_names(args.stylized), find_with_names(args.photo))
    device = resolve_device(args.device)
    meter = Meter(EncoderStack([load_encoder(path) for path in find_encoders(args.encoder)]).to(device))
    style = _read(args.style).to(device)
    style = style if args.style_size is None else resize_short_side(style, args.style_size)
    measured, flicker = _measure_all(meter, pairs, style, film=args.film)
    if args.plot is not None:
        with atomic_path(args.plot) as temporary:
            measurement_plot(list(measured.values())).save(temporary)
    if args.json:
        print(json.dumps({"encoder": args.encoder, **measurement_dict(measured, flicker)}, indent=1))
    else:
        print(measurement_table(measured, flicker))
    return 0


def _measure_all(
    meter: Meter, pairs: Mapping[Path, tuple[str, Path]], style: Tensor, *, film: bool
) -> tuple[dict, float | None]:
    from tqdm import tqdm

    from ..core.metrics.flicker import Flicker

    measured, watched = {}, Flicker()
    for path, (name, photo_path) in tqdm(pairs.items(), unit="picture", file=sys.stderr, disable=None, delay=2):
        painting, photo = _read(path).to(style.device), _read(photo_path).to(style.device)
        measured[name] = meter(painting, photo, style)
        if film:
            watched.add(painting, photo)
    return measured, watched.value if film else None


def pair_up(stylized: Mapping[Path, Path], photos: Mapping[Path, Path]) -> dict[Path, tuple[str, Path]]:
    """Painting → name and photo: one photo for all, else of the same name without suffix, else in order.

    Args:
        stylized: File → name, in order.
        photos: File → name, in order.

    Raises:
        ConfigError: Neither names nor numbers fit.
    """
    found = list(photos)
    if len(found) == 1:
        return {path: (name.as_posix(), found[0]) for path, name in stylized.items()}
    by_name = {name.with_suffix(""): path for path, name in photos.items()}
    if all(name.with_suffix("") in by_name for name in stylized.values()):
        return {path: (name.as_posix(), by_name[name.with_suffix("")]) for path, name in stylized.items()}
    if len(found) != len(stylized):
        alone = next(name for name in stylized.values() if name.with_suffix("") not in by_name)
        raise ConfigError(
            "Paintings and photos do not pair up.",
            expected="one photo for all, photos of the same names, or as many photos as paintings",
            got=f"{len(stylized)} paintings, {len(found)} photos, none of them called {alone.with_suffix('')}",
            do="Name the photos in the order of the paintings, or give their folder.",
        )
    return {path: (name.as_posix(), photo) for (path, name), photo in zip(stylized.items(), found, strict=True)}


def _read(path: Path) -> Tensor:
    """(1, 3, H, W); transparency is ignored."""
    from ..core.images import split_alpha
    from ..core.pictures import read_picture

    return split_alpha(read_picture(path).image)[0]
