"""The pictures of the example workflows: each is run in a real ComfyUI, and what it saves becomes its JPEG.

    python benchmarks/workflow_pictures.py COMFYUI PYTHON [NAME …] [--models DIR]
        [--painting FILE] [--photos DIR] [--steps N]

PYTHON is the one that has ComfyUI's requirements. `--models` holds what the workflows' notes tell the user to fetch,
`--painting` takes the place of the picture that stands for a painting to be learned, `--photos` that of the few
sample photos that a model is trained on, `--steps` that of its minutes. JPEGs of several pictures are strips.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from PIL import Image, ImageSequence

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "example_workflows"
SIDE_PX, STRIP_PX, GAP_PX = 512, 960, 4
LARGEST_BYTES = 100_000
TRAINERS = ("BrushworkTrainStyleModel", "BrushworkAddStyle")
FILM_FRAMES = 3
"""Of an animated picture: the first, the last, and what lies between at equal steps."""


def neighbour(name: str) -> ModuleType:
    """A module of tests/comfyui, which knows how to start a server and to queue a workflow."""
    path = ROOT / "tests" / "comfyui" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"workflow_pictures_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in(prompt: dict, painting: Path | None, photos: Path | None, steps: int, server_input: Path) -> None:
    """Give the trainers of a prompt a painting, a folder of photos, and a length that no other program changes."""
    for node in [node for node in prompt.values() if node["class_type"] in TRAINERS]:
        node["inputs"]["steps"] = steps
        if photos:
            node["inputs"].pop("photos", None)
            node["inputs"]["photo_folder"] = str(photos)
        if painting:
            shutil.copy(painting, server_input / painting.name)
            prompt["painting"] = {"class_type": "LoadImage", "inputs": {"image": painting.name}}
            for slot in ("style_image", "style_images.style_image0"):
                if slot in node["inputs"]:
                    node["inputs"][slot] = ["painting", 0]


def pictures_of(server, entry: dict) -> list[Image.Image]:
    """Everything that a finished prompt has saved, frames of an animation as pictures."""
    assert entry["status"]["status_str"] == "success", entry
    found = []
    for output in entry["outputs"].values():
        for saved in output.get("images", []):
            if saved["type"] == "output":
                query = f"/view?filename={saved['filename']}&subfolder={saved['subfolder']}&type=output"
                with Image.open(io.BytesIO(server.request(query)[1])) as image:
                    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
                steps = range(FILM_FRAMES) if len(frames) > 1 else range(1)
                found += [frames[round(step * (len(frames) - 1) / (FILM_FRAMES - 1))] for step in steps]
    return found


def strip(pictures: list[Image.Image]) -> Image.Image:
    """One picture as it is, scaled down; several side by side, in rows of at most six, or five if no gap is left."""
    columns = 5 if len(pictures) % 5 == 0 else min(len(pictures), 6)
    if len(pictures) == 1 and max(pictures[0].size) <= SIDE_PX / 1.5:  # a small one must not be lost on its card
        pictures = [pictures[0].resize([side * 3 // 2 for side in pictures[0].size], Image.Resampling.LANCZOS)]
    for picture in pictures:
        side = STRIP_PX // columns if len(pictures) > 1 else SIDE_PX * (2 if picture.width > 2 * picture.height else 1)
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    width, height = (max(getattr(picture, side) for picture in pictures) for side in ("width", "height"))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP_PX) - GAP_PX, rows * (height + GAP_PX) - GAP_PX), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * (width + GAP_PX), place // columns * (height + GAP_PX)))
    return sheet


def save(picture: Image.Image, path: Path) -> None:
    """JPEG of the best quality that stays small."""
    for quality in (90, 85, 78, 70):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            break
    print(path, picture.size, path.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comfyui", type=Path)
    parser.add_argument("python")
    parser.add_argument("names", nargs="*", help="workflows; default: all")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--painting", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=WORKFLOWS, help="folder")
    args = parser.parse_args()
    host, examples = neighbour("conftest"), neighbour("test_example_workflows")
    host.PROMPT_S = 3600
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        base = host.install(Path(folder) / "base")
        for photo in (ROOT / "assets" / "samples").glob("*.jpg"):  # for the workflow that paints a folder
            shutil.copy(photo, base / "input")
        shutil.copytree(args.models or base / "input", base / "models" / "style_transfer")
        started = host.started((args.comfyui.resolve(), args.python), base, {"HF_HUB_OFFLINE": "1"})
        server = stack.enter_context(started)
        for name in args.names or [path.stem for path in examples.WORKFLOWS]:
            workflow = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
            prompt = examples.to_prompt(workflow, server.get("/object_info"))
            stand_in(prompt, args.painting, args.photos, args.steps, base / "input")
            try:
                entry, _ = server.run(prompt)
                pictures = pictures_of(server, entry)
                print(name, *(f"{one.width}×{one.height}" for one in pictures))
                save(strip(pictures), args.out / f"{name}.jpg")
            except AssertionError as error:
                sys.stderr.write(f"{name}: {str(error)[:2000]}\n")


if __name__ == "__main__":
    main()
