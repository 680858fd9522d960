"""The pictures of a model card: samples × styles, strength 0 → 1, a mix from A to B, stroke sizes, losses of its runs.

    python benchmarks/model_sheets.py MODEL [COMPANION …] -o docs/images/models [--paintings FILE …] [--mix A B]
        [--logs FIRST.log.jsonl SECOND.log.jsonl …]

Named styles come from the model; any-style models need `--paintings`. Of a model with learned stroke sizes there is no
sheet of styles: its sheet of strokes shows all of them. JPEGs, each below 300 KB; the losses are a PNG.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.hub import resolve_files
from brushwork.core.images import resize_image, resize_short_side
from brushwork.core.inference import Controls, Stylizer
from brushwork.core.pictures import contact_sheet, find_pictures
from brushwork.core.spec import IDENTITY
from brushwork.core.style_model import StyleLayer
from brushwork.trainers.data import read_rgb
from brushwork.trainers.loss_curve import loss_curve, read_log
from PIL import Image
from torch import Tensor

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"
LARGEST_BYTES = 300_000
SIDE_PX = 400
"""Longer side of a photo while it is painted."""
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
STROKES = (0.5, 1.0, 2.0, 4.0)


def longer_side(image: Tensor, side: int) -> Tensor:
    """Scaled so that the longer side is `side`."""
    ratio = side / max(image.shape[-2:])
    height, width = (max(1, round(length * ratio)) for length in image.shape[-2:])
    return resize_image(image, height, width)


def save(sheet: Image.Image, path: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """JPEG of the best quality that stays below the limit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (90, 85, 80, 72, 64, 55, 45):
        sheet.save(path, quality=quality, optimize=True)
        if path.stat().st_size < largest_bytes:
            break
    print(path, path.stat().st_size)


def one_after_the_other(logs: Sequence[Path]) -> list[dict]:
    """The records of several runs as if they were one."""
    records: list[dict] = []
    for log in logs:
        before = records[-1]["step"] if records else 0
        records += [{**record, "step": before + record["step"]} for record in read_log(log)]
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder")
    parser.add_argument("--name", help="head of the file names; default: the model's file name")
    parser.add_argument("--paintings", type=Path, nargs="+", default=[], help="for any-style models")
    parser.add_argument("--mix", nargs=2, metavar=("A", "B"))
    parser.add_argument("--logs", type=Path, nargs="+", default=[], help="of the runs that made it, in order")
    parser.add_argument("--cell", type=int, default=200)
    args = parser.parse_args()

    first, *companions = args.model
    files = [*resolve_files(first), *(path for name in companions for path in resolve_files(name))]
    model = load_checkpoint(*files)
    paint = Stylizer(model, "cpu")
    name = args.name or files[0].stem
    photos = {path.stem: longer_side(read_rgb(path), SIDE_PX) for path in find_pictures([SAMPLES])}
    named = [style for style in model.spec.style_names if style != IDENTITY]
    paintings = {path.stem: resize_short_side(read_rgb(path), 256) for path in args.paintings}
    styles: dict[str, str | Tensor] = dict(paintings) if paintings else {style: style for style in named}

    def sheet(kind: str, rows: Sequence[Sequence[Tensor | None]], left: Sequence[str], top: Sequence[str]) -> None:
        save(contact_sheet(rows, left, top, cell_px=args.cell), args.out / f"{name}-{kind}.jpg")

    learned = list(dict.fromkeys(style.partition("--")[0] for style in named if "--" in style))
    if not learned:
        head: list[Tensor | None] = list(photos.values())
        rows = [[*([None] if paintings else []), *head]]
        for style in styles.values():
            own: list[Tensor | None] = [style] if isinstance(style, Tensor) else []
            rows.append([*own, *(paint(photo, style) for photo in photos.values())])
        top = [*(["painting"] if paintings else []), *photos]
        sheet("styles", rows, ["photo", *styles], top)

    chosen = list(styles)[:4]
    photo = photos["astronaut"]
    rows = [[paint(photo, styles[style], share) for share in SHARES] for style in chosen]
    sheet("strength", rows, chosen, [f"strength {share:g}" for share in SHARES])

    if args.mix:
        a, b = args.mix
        first_style, second_style = styles.get(a, a), styles.get(b, b)  # a painting's bare name is no key
        rows = [
            [paint(photo, [StyleLayer(first_style, 1 - share), StyleLayer(second_style, share)]) for share in SHARES]
            for photo in (photos["astronaut"], photos["coffee"])
        ]
        sheet("mix", rows, [f"{a} to {b}"] * 2, [f"{share:.0%}" for share in SHARES])

    if learned:
        rows = [
            [paint(photos[p], f"{s}--{size}") for p in ("astronaut", "coffee") for size in ("small", "large")]
            for s in learned
        ]
        sheet("strokes", rows, learned, ["small", "large"] * 2)
    else:
        rows = [
            [paint(photo, styles[style], controls=Controls(stroke_size=size)) for size in STROKES] for style in chosen
        ]
        sheet("strokes", rows, chosen, [f"stroke size {size:g}" for size in STROKES])

    if args.logs:
        loss_curve(one_after_the_other(args.logs)).quantize(64).save(args.out / f"{name}-losses.png", optimize=True)


if __name__ == "__main__":
    main()
