"""The pictures at the head of the README: two sample photos in every style of the CIN starter, and the banner.

    python benchmarks/readme_pictures.py [-o DIR]

Without `-o` they go where they belong: docs/images/demo.jpg and assets/banner.jpg, which the registry wants in 21:9 and
below 200 KB.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.hub import resolve_files
from brushwork.core.images import resize_image
from brushwork.core.inference import Stylizer
from brushwork.core.pictures import contact_sheet
from brushwork.core.pictures.samples import SHOWCASE, sample_photo
from brushwork.trainers.data import read_rgb
from model_sheets import save
from PIL import Image
from starter_bars import square
from torch.nn.functional import interpolate

ROOT = Path(__file__).resolve().parent.parent
MODEL = "cin-starter"
LARGE = "--large"
SIDE_PX, CELL_PX, COLUMNS = 300, 200, 6
"""Side of the squares that are painted and shown, styles in a row."""
BANNER_PX, BANNER_BYTES = (540, 1260), 200_000
EYES = (slice(20, 176), slice(60, 424))
"""Rows and columns of chelsea.jpg that the banner shows."""
BANNER_STYLES = ("great-wave", "renoir-galette", "starry-night", "klimt-adele", "the-scream")
RAGGED_PX, STRETCHES_PX = 40, (54, 18)
"""How far the border between two strips wanders, and along which lengths."""


def demo(stylizer: Stylizer, titles: dict[str, str]) -> Image.Image:
    """All styles in blocks of `COLUMNS`, each of them with the photos before and their paintings."""
    photos = [square(sample_photo(name), SIDE_PX) for name in SHOWCASE]
    styles = list(titles)
    blocks = []
    for start in range(0, len(styles), COLUMNS):
        part = styles[start : start + COLUMNS]
        rows = [[photo, *(stylizer(photo, style) for style in part)] for photo in photos]
        blocks.append(contact_sheet(rows, (), ["photo", *(titles[style] for style in part)], cell_px=CELL_PX))
    sheet = Image.new("RGB", (max(block.width for block in blocks), sum(block.height for block in blocks)))
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return sheet


def banner(stylizer: Stylizer) -> Image.Image:
    """A cat's eyes from the photo to five paintings, in strips with ragged borders."""
    height, width = BANNER_PX
    photo = resize_image(read_rgb(sample_photo("chelsea"))[..., EYES[0], EYES[1]], height, width)
    strips = [photo, *(stylizer(photo, f"{style}{LARGE}") for style in BANNER_STYLES)]
    noise = torch.Generator().manual_seed(1)
    columns = torch.arange(width)[None, :].expand(height, width)
    result = photo
    for place, strip in enumerate(strips[1:], 1):
        wander = torch.zeros(height)
        for px in STRETCHES_PX:
            coarse = torch.rand(1, 1, height // px, 1, generator=noise) - 0.5
            wander += interpolate(coarse, (height, 1), mode="bicubic")[0, 0, :, 0]
        border = width * place / len(strips) + RAGGED_PX * wander
        result = torch.where(columns >= border[:, None], strip, result)
    return Image.fromarray((result[0].permute(1, 2, 0) * 255).round().byte().numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, help="folder for both, instead of their places in the repository")
    args = parser.parse_args()
    model = load_checkpoint(*resolve_files(MODEL))
    stylizer = Stylizer(model, "cpu")
    titles = {info.name: info.title for info in model.spec.styles if info.name.endswith(LARGE)}
    save(demo(stylizer, titles), (args.out or ROOT / "docs" / "images") / "demo.jpg")
    save(banner(stylizer), (args.out or ROOT / "assets") / "banner.jpg", BANNER_BYTES)


if __name__ == "__main__":
    main()
