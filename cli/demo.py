"""`brushwork demo`: all bundled styles on the sample photos, one contact sheet, no network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.hub import WeightEntry

SIDE_PX, CELL_PX = 320, 256
"""Longer side while painting, and in the sheet."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="contact sheet of all bundled styles, offline",
        description="Paint the sample photos in every style that comes with Brushwork.",
    )
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("brushwork-demo.png"), metavar="OUT.png", help="default: %(default)s"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the sheet; 0 when done."""
    from ..core.errors import WeightsNotFoundError
    from ..core.files import atomic_path
    from ..core.hub import BundledSource, load_manifest
    from ..core.pictures import check_writable, contact_sheet

    check_writable(args.out)
    entries = [
        entry
        for entry in load_manifest().entries
        if entry.kind == "style_model" and isinstance(entry.source, BundledSource)
    ]
    if not entries:
        raise WeightsNotFoundError(
            "This copy of Brushwork comes without models.",
            expected="bundled entries in weights_manifest.json",
            got="none",
            do="Install a release, or use `brushwork stylize --model FILE`.",
        )
    photos = load_samples()
    rows, labels = paint_rows(entries, photos, args.device)
    sheet = contact_sheet([list(photos.values()), *rows], ["photo", *labels], list(photos), cell_px=CELL_PX)
    with atomic_path(args.out) as temporary:
        sheet.save(temporary)
    print(args.out)
    return 0


def load_samples() -> dict[str, Tensor]:
    """The sample photos by name, scaled to `SIDE_PX`."""
    from ..core.images import resize_image
    from ..core.pictures import read_picture
    from ..core.pictures.samples import CREDITS, sample_photo

    photos: dict[str, Tensor] = {}
    for path in map(sample_photo, CREDITS):
        image = read_picture(path).image
        ratio = SIDE_PX / max(image.shape[-2:])
        height, width = (max(1, round(side * ratio)) for side in image.shape[-2:])
        photos[path.stem] = resize_image(image, height, width)
    return photos


def paint_rows(
    entries: list[WeightEntry], photos: dict[str, Tensor], device: str
) -> tuple[list[list[Tensor | None]], list[str]]:
    """One row for every style of every model; any-style models paint in the style of the other photos."""
    from tqdm import tqdm

    from ..core.checkpoints import load_checkpoint
    from ..core.hub import resolve_files
    from ..core.inference import Stylizer

    rows: list[list[Tensor | None]] = []
    labels: list[str] = []
    for entry in tqdm(entries, unit="model", file=sys.stderr, disable=None, delay=2):
        model = load_checkpoint(*resolve_files(entry.id))
        stylizer = Stylizer(model, device)
        if model.style_kind == "image":
            for name, style in list(photos.items())[:2]:
                rows.append([None if photo is style else stylizer(photo, style) for photo in photos.values()])
                labels.append(f"{entry.title}\n{name}")
        else:
            for index, style in enumerate(model.spec.styles):
                rows.append([stylizer(photo, index) for photo in photos.values()])
                labels.append(f"{entry.title}\n{style.title or style.name}")
    return rows, labels
