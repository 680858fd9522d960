"""The pictures of the example workflows and of the nodes' help: each workflow is run in a real ComfyUI.

    python benchmarks/workflow_pictures.py COMFYUI PYTHON [NAME …] [--models DIR] [--paintings DIR] [--photos DIR]

PYTHON is the one that has ComfyUI's requirements. `--models` holds what the workflows' notes tell the user to fetch,
`--paintings` the paintings that the trainers learn (`PAINTINGS`), `--photos` takes the place of the few sample photos
that they are trained on. What a workflow saves becomes its JPEG; that of the help is laid out by help_pictures.py.
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

from help_pictures import HELP, OF_WORKFLOW, SAMPLE_PHOTOS, help_picture, variants
from PIL import Image, ImageSequence

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "example_workflows"
SIDE_PX, STRIP_PX, GAP_PX = 512, 960, 4
LARGEST_BYTES, LARGEST_HELP_BYTES = 100_000, 40_000
TRAINERS = ("BrushworkTrainStyleModel", "BrushworkAddStyle")
PAINTINGS = {"add_style": "renoir-galette.jpg", "train_your_style": "composition-vii.jpg"}
"""Workflow → file of the folder of paintings: public domain, credited in the help."""
FROM_THE_HUB = {"owner/name/style.safetensors": "starry-night-in.safetensors"}
"""Where Get Style would have put a model → one of ours that stands for it."""
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
    pictures = [picture.copy() for picture in pictures]
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


def save(picture: Image.Image, path: Path, largest: int = LARGEST_BYTES) -> None:
    """JPEG of the best quality that stays small; what does not even so is scaled down."""
    for quality in (90, 85, 78, 70):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size < largest:
            break
    else:
        save(picture.resize([side * 4 // 5 for side in picture.size], Image.Resampling.LANCZOS), path, largest)
        return
    print(path, picture.size, path.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comfyui", type=Path)
    parser.add_argument("python")
    parser.add_argument("names", nargs="*", help="workflows; default: all")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--paintings", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--steps", type=int, default=200, help="of the trainers; as the help says")
    parser.add_argument("-o", "--out", type=Path, help="folder for all pictures; default: where they belong")
    args = parser.parse_args()
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    host, examples = neighbour("conftest"), neighbour("test_example_workflows")
    host.PROMPT_S = 3600
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        base = host.install(Path(folder) / "base")
        for photo in (ROOT / "assets" / "samples").glob("*.jpg"):  # for the workflow that paints a folder
            shutil.copy(photo, base / "input")
        models = base / "models" / "style_transfer"
        shutil.copytree(args.models, models) if args.models else models.mkdir()
        for place, ours in FROM_THE_HUB.items():
            if not (models / place).exists():
                (models / place).parent.mkdir(parents=True)
                shutil.copy(ROOT / "weights" / ours, models / place)
        started = host.started((args.comfyui.resolve(), args.python), base, {"HF_HUB_OFFLINE": "1"})
        server = stack.enter_context(started)
        for name in args.names or [path.stem for path in examples.WORKFLOWS]:
            workflow = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
            prompt = examples.to_prompt(workflow, server.get("/object_info"))
            painting = args.paintings / PAINTINGS[name] if args.paintings and name in PAINTINGS else None
            stand_in(prompt, painting, args.photos, args.steps, base / "input")
            try:
                pictures = pictures_of(server, server.run(prompt)[0])
                print(name, *(f"{one.width}×{one.height}" for one in pictures))
                save(strip(pictures), (args.out or WORKFLOWS) / f"{name}.jpg")
                if wanted := OF_WORKFLOW.get(name):
                    others = [server.run(other)[0] for other in variants(prompt, wanted)]
                    pictures = [one for entry in others for one in pictures_of(server, entry)] or pictures
                    picture = help_picture(wanted, pictures, base / "output", painting)
                    save(picture, (args.out or HELP) / f"{wanted.name}.jpg", LARGEST_HELP_BYTES)
            except AssertionError as error:
                sys.stderr.write(f"{name}: {str(error)[:2000]}\n")
            if painting:  # would be one more photo of the workflow that paints a folder
                (base / "input" / painting.name).unlink()
    save(help_picture(SAMPLE_PHOTOS, [], ROOT, None), (args.out or HELP) / "SamplePhoto.jpg", LARGEST_HELP_BYTES)


if __name__ == "__main__":
    main()
