"""`brushwork reconstruct`: what a layer of the loss network keeps of a picture, and the best painting it knows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.losses.encoders import EncoderStack
    from ..core.reconstruction import Painted

EXAMPLES = """examples:
  brushwork reconstruct photo.jpg --layer relu3_3 --as feature
  brushwork reconstruct painting.jpg --layer relu1_1 relu2_1 relu3_1 --as style -o texture.png
  brushwork reconstruct photo.jpg --layer relu1_2 relu2_2 relu3_3 relu4_2 --each -o layers.png    (a labelled sheet)
  brushwork reconstruct --photo photo.jpg --style painting.jpg --content 0.7 -o best.png          (Gatys)
Ctrl-C keeps the picture as it is.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="what a layer keeps of a picture, by optimisation",
        description="Optimise pixels until a layer of the loss network cannot tell them from a picture;\n"
        "with --photo and --style, until the style loss is the least that is possible at a content loss.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("picture", nargs="?", type=Path, metavar="PICTURE", help="the picture whose layers are asked")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="OUT.png", help="default: here, as PICTURE-LAYERS-feature.png or the like"
    )
    parser.add_argument(
        "--layer", nargs="+", default=["relu3_3"], metavar="LAYER", help="all must agree; default relu3_3"
    )
    parser.add_argument("--each", action="store_true", help="one picture for each layer, as a labelled sheet")
    parser.add_argument(
        "--as",
        dest="kept",
        choices=("feature", "style"),
        default="feature",
        help="what must agree; default %(default)s",
    )
    parser.add_argument("--photo", type=Path, help="with --style: the photo of the best painting")
    parser.add_argument("--style", type=Path, metavar="PICTURE", help="with --photo: its style")
    parser.add_argument("--style-size", type=int, metavar="PX", help="short side of the style; default: as it is")
    parser.add_argument(
        "--content", type=float, default=0.7, help="content loss to hold, as `measure` has it; default %(default)s"
    )
    parser.add_argument("--steps", type=int, default=200, help="gradient steps; default %(default)s")
    parser.add_argument(
        "--optimizer", choices=("lbfgs", "adam"), default="lbfgs", help="for a layer; default %(default)s"
    )
    parser.add_argument("--smoothness", type=float, default=0.02, help="weight of total variation; default %(default)s")
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="short side at most; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the noise at the start")
    parser.add_argument(
        "--encoder",
        nargs="+",
        default=["compact"],
        metavar="ENCODER",
        help="compact, vgg16, vgg19 or VGG files; default compact",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Optimise and write; 0 when done, 130 after Ctrl-C with the picture so far."""
    from ..core.checkpoints.encoder import load_encoder
    from ..core.inference.device import resolve_device
    from ..core.losses.encoders import EncoderStack
    from ..core.pictures import check_writable
    from ._training import find_encoders

    if (args.photo is None) != (args.style is None) or (args.picture is None) == (args.photo is None):
        raise ConfigError(
            "It is not clear what is to be reconstructed.",
            expected="PICTURE, or --photo PHOTO with --style PICTURE",
            got=f"PICTURE {args.picture}, --photo {args.photo}, --style {args.style}",
            do="Name a picture for its layers, or a photo and a painting for the best that can be had of the two.",
        )
    args.out = args.out or Path(_name(args))
    check_writable(args.out)
    encoder = EncoderStack([load_encoder(path) for path in find_encoders(args.encoder)]).to(resolve_device(args.device))
    if args.photo is not None:
        _best(args, encoder)
    elif args.each:
        _sheet(args, encoder)
    else:
        painted = _layers(args, encoder, tuple(args.layer), keep=args.out)
        _write(args.out, painted.image)
        print(f"{args.out}  {args.kept} {painted.history[0][args.kept]:.3f} → {painted.history[-1][args.kept]:.2g}")
    return 0


def _name(args: argparse.Namespace) -> str:
    """Of the result, where the user gives none."""
    if args.photo is not None:
        return f"{args.photo.stem}-as-{args.style.stem}.png"
    return f"{args.picture.stem}-{'each-' if args.each else ''}{'-'.join(args.layer)}-{args.kept}.png"


def _layers(args: argparse.Namespace, encoder: EncoderStack, layers: tuple[str, ...], keep: Path | None) -> Painted:
    from ..core.reconstruction import ReconstructionOptions, reconstruct

    options = ReconstructionOptions(layers, args.kept, args.steps, args.optimizer, args.smoothness, args.seed)
    with _Watch(" ".join(layers), keep) as watch:
        return reconstruct(encoder, _read(args.picture, args.size), options, watch)


def _best(args: argparse.Namespace, encoder: EncoderStack) -> None:
    from ..core.images import resize_short_side
    from ..core.reconstruction import CeilingOptions, best_painting

    style = _read(args.style, None)
    style = style if args.style_size is None else resize_short_side(style, args.style_size)
    options = CeilingOptions(args.content, args.steps)
    with _Watch("painting", args.out) as watch:
        painted = best_painting(encoder, _read(args.photo, args.size), style, options, watch)
    _write(args.out, painted.image)
    losses = painted.history[-1]
    print(f"{args.out}  style {losses['style']:.4f} at content {losses['content']:.3f}")


def _sheet(args: argparse.Namespace, encoder: EncoderStack) -> None:
    from ..core.files import atomic_path
    from ..core.pictures import contact_sheet

    pictures = [_read(args.picture, args.size)]
    pictures += [_layers(args, encoder, (layer,), keep=None).image for layer in args.layer]
    sheet = contact_sheet([pictures], (), ["picture", *args.layer], cell_px=args.size)
    with atomic_path(args.out) as temporary:
        sheet.save(temporary)
    print(args.out)


class _Watch:
    """Progress on a terminal; keeps the picture when the run is interrupted.

    Args:
        label: In front of the bar.
        keep: Where the picture goes after Ctrl-C; None: nowhere.
    """

    def __init__(self, label: str, keep: Path | None) -> None:
        from tqdm import tqdm

        self._keep, self._latest = keep, None
        self._bar = tqdm(desc=label, unit="step", file=sys.stderr, disable=None, delay=2)

    def __call__(self, done: int, total: int, picture: Tensor) -> None:
        self._latest = picture[None]
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._bar.close()
        if kind is KeyboardInterrupt and self._keep is not None and self._latest is not None:
            _write(self._keep, self._latest)


def _write(path: Path, image: Tensor) -> None:
    from ..core.pictures import write_picture

    write_picture(image, path)


def _read(path: Path, short_side_px: int | None) -> Tensor:
    """(1, 3, H, W), not above that short side; transparency is ignored."""
    from ..core.images import resize_short_side, split_alpha
    from ..core.pictures import read_picture

    image = split_alpha(read_picture(path).image)[0]
    if short_side_px is None or min(image.shape[-2:]) <= short_side_px:
        return image
    return resize_short_side(image, short_side_px)
