"""`brushwork publish`: a style with its card on the Hugging Face Hub, or the folder of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .models import models_folders, progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ..core.hub.showcase import Showcase
    from ..core.style_model import StyleModel

EXAMPLES = """examples:
  brushwork publish my.safetensors --repo me/my-style --license MIT --dry-run look/
  brushwork publish my.safetensors --repo me/my-style --license MIT --picture my_painting.jpg --picture-license CC0-1.0

The token is that of `hf auth login` or of HF_TOKEN. Look at a dry run first: what is published is public.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "publish",
        help="put a style on the Hugging Face Hub, with a card",
        description="Write a model with card and sample paintings, and push it to the Hugging Face Hub.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="+", metavar="MODEL", help="id or model file, and files that belong to it")
    parser.add_argument("--repo", required=True, metavar="USER/NAME", help="repository; made where it is missing")
    parser.add_argument("--dry-run", type=Path, metavar="DIR", help="write the folder here and send nothing")
    parser.add_argument("--license", default="", metavar="SPDX", help="of the weights; default: as the file says")
    parser.add_argument("--title", default="", help="default: as the file says, else NAME")
    parser.add_argument("--attribution", default="", metavar="NAME", help="who trained the weights")
    parser.add_argument(
        "--picture",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="style pictures, named as the styles are; shown only where their licence allows it. For an any-style "
        "model: pictures whose styles the samples are painted in",
    )
    parser.add_argument(
        "--picture-license",
        default="",
        metavar="SPDX",
        help="of the style pictures whose licence the file does not say",
    )
    parser.add_argument("--photo", nargs="+", type=Path, default=[], metavar="FILE", help="paint these as samples")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16", help="default %(default)s")
    parser.add_argument("--private", action="store_true", help="a new repository is yours alone to see")
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="where ids and names are looked for")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the folder, push it; 0 when done."""
    from ..core.hub.publish import check_may_publish, publish
    from ..core.hub.repository import check_repo_id
    from ._choice import Chooser

    check_repo_id(args.repo)
    if args.dry_run is None:
        check_may_publish()  # before minutes of painting
    with progress_bar(args.model[0]) as progress:
        model = Chooser(models_folders(args.models_dir), progress=progress).load(args.model)
    if args.dry_run is not None:
        showcase = _showcase(args, model, args.dry_run)
        print(args.dry_run)
        return _report(showcase)
    with tempfile.TemporaryDirectory(prefix="brushwork-") as folder:
        showcase = _showcase(args, model, Path(folder))
        print(f"uploading {showcase.bytes / 1e6:.1f} MB to {args.repo} …", file=sys.stderr)
        print(publish(showcase, args.repo, private=args.private))
        return _report(showcase)


def _showcase(args: argparse.Namespace, model: StyleModel, folder: Path) -> Showcase:
    from ..core.hub.showcase import ShowcaseOptions, make_showcase
    from ..core.inference import Stylizer

    options = ShowcaseOptions(
        repo_id=args.repo,
        license=args.license,
        title=args.title,
        attribution=args.attribution,
        picture_license=args.picture_license,
        float32=args.dtype == "float32",
    )
    photos, credit = _photos(args.photo)
    pictures = _pictures(args.picture)
    if model.style_kind == "image" and not pictures:
        pictures = {name: photos[name] for name in list(photos)[1:]}
    stylizer = Stylizer(model, args.device)
    with progress_bar("samples", "painting") as progress:
        return make_showcase(
            model, stylizer, photos, folder, options, pictures=pictures, photos_credit=credit, progress=progress
        )


def _photos(paths: list[Path]) -> tuple[Mapping[str, Tensor], str]:
    from ..core.pictures.samples import SHOWCASE, sample_photo, samples_credit

    if paths:
        return _pictures(paths), ""
    return _pictures([sample_photo(name) for name in SHOWCASE]), samples_credit(SHOWCASE)


def _pictures(paths: list[Path]) -> dict[str, Tensor]:
    """File stem → picture (1, 3, H, W)."""
    from ..core.images import split_alpha
    from ..core.pictures import read_picture

    return {path.stem: split_alpha(read_picture(path).image)[0] for path in paths}


def _report(showcase: Showcase) -> int:
    for note in showcase.notes:
        print(note, file=sys.stderr)
    return 0
