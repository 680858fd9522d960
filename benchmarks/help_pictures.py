"""What the pictures of web/docs show: what a workflow takes and what it paints, side by side, or what it writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
HELP = ROOT / "web" / "docs" / "images"
WIDTH_PX, GAP_PX = 640, 4
SAMPLES = ROOT / "assets" / "samples"
PAINTING = "painting"
"""Among `before`: the one that a trainer has learned."""


@dataclass(frozen=True)
class Help:
    """The picture of one node's help."""

    name: str
    """Of the file, without suffix."""
    before: tuple[str, ...] = ()
    """Sample photos that the workflow takes, in front of what it saves."""
    files: str = ""
    """Files that it writes into ComfyUI's output folder, instead of what it saves."""
    columns: int = 0
    """Pictures in a row; 0: all."""
    part: float = 1.0
    """Of a high picture: how much is shown, from above."""
    width_px: int = WIDTH_PX
    places: tuple[dict[str, Any], ...] = ()
    """Runs whose widgets differ from the workflow's, instead of the workflow as it is."""


SAMPLE_PHOTOS = Help("SamplePhoto", ("astronaut", "chelsea", "coffee", "rocket"))
CORNERS = tuple({"x": x / 2, "y": y / 2} for y in range(3) for x in range(3))
OF_WORKFLOW = {
    "your_picture_as_style": Help("AdaINStylize", ("astronaut", "chelsea")),
    "add_style": Help("AddStyle", (PAINTING, "chelsea")),
    "regions_by_mask": Help("CINStyleMix", ("chelsea",)),
    "comatch_stylize": Help("CoMatchStylize", ("astronaut", "chelsea")),
    "export_style_model": Help("ExportStyleModel"),
    "get_style": Help("GetStyle", ("coffee",)),
    "every_style": Help("LoadStyleModel", columns=5),
    "measure_stylization": Help("MeasureStylization"),
    "keep_the_colours": Help("PreserveColor", ("astronaut",)),
    "publish_style": Help("PublishStyle", files="**/overview.jpg", part=4 / 26, width_px=320),
    "reconstruct_features": Help("ReconstructFeatures", ("chelsea",)),
    "save_style_model": Help("SaveStyleModel", ("coffee",)),
    "style_corners": Help("StyleCorners", columns=3, places=CORNERS),
    "style_grid": Help("StyleGrid"),
    "mix_and_morph": Help("StyleLayer"),
    "first_steps": Help("Stylize", ("chelsea",)),
    "stylize_folder": Help("StylizeFolder", files="brushwork/folder/*.jpg"),
    "stylize_video": Help("StylizeVideo"),
    "train_your_style": Help("TrainStyleModel", (PAINTING, "chelsea")),
}
"""Workflow → the help of the node that it is about."""


def variants(prompt: dict, wanted: Help) -> Iterator[dict]:
    """The prompts of `places`."""
    for place in wanted.places:
        for node in prompt.values():
            node["inputs"].update({name: value for name, value in place.items() if name in node["inputs"]})
        yield prompt


def help_picture(wanted: Help, saved: list[Image.Image], output: Path, painting: Path | None) -> Image.Image:
    """Rows of pictures, each row of one height.

    Args:
        wanted: Whose help.
        saved: What the workflow has saved.
        output: ComfyUI's folder.
        painting: What a trainer has learned, if one has.
    """
    places = [painting if name == PAINTING else SAMPLES / f"{name}.jpg" for name in wanted.before]
    before = [Image.open(place).convert("RGB") for place in places if place]
    if wanted.files:
        saved = [Image.open(path).convert("RGB") for path in sorted(output.glob(wanted.files))]
    pictures = [one.crop((0, 0, one.width, round(one.height * wanted.part))) for one in (*before, *saved)]
    columns = wanted.columns or len(pictures)
    rows = [_row(pictures[first : first + columns], wanted.width_px) for first in range(0, len(pictures), columns)]
    sheet = Image.new("RGB", (wanted.width_px, sum(row.height + GAP_PX for row in rows) - GAP_PX), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + GAP_PX
    return sheet


def _row(pictures: list[Image.Image], width_px: int) -> Image.Image:
    """Side by side."""
    free = width_px - GAP_PX * (len(pictures) - 1)
    height = round(free / sum(one.width / one.height for one in pictures))
    row, left = Image.new("RGB", (width_px, height), "white"), 0
    for index, one in enumerate(pictures):
        last = index == len(pictures) - 1
        width = width_px - left if last else round(one.width * height / one.height)
        row.paste(one.resize((width, height), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP_PX
    return row
