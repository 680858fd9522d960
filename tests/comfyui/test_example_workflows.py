"""Every file of example_workflows/, as the page would queue it. See conftest.py."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from brushwork.core.hub import BundledSource, load_manifest
from PIL import Image

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "example_workflows").glob("*.json"))
STAND_INS = {
    "cin-starter": "tiny-conditional_transformer_net.safetensors",
    "adain-starter": "tiny-microast.safetensors",
    "Candy (ONNX model zoo, opset 9) (hub)": "tiny-transformer_net.safetensors",
    "comatch-starter": "tiny-msg_net.safetensors",
}
"""Small local models of the same kind for those that would have to be downloaded."""


QUICK = {
    "ImageScale": {"width": 320},
    "BrushworkGetStyle": {"repository": "tiny/style"},
    "BrushworkReconstructFeatures": {"steps": 4},
    "BrushworkStyleGrid": {"styles": "starry-night, great-wave"},
}
"""Smaller pictures, fewer steps, and a repository that is on this machine already."""

PICTURES = {"every_style": 4, "mix_and_morph": 3}
"""Saved pictures, where a workflow gives several; the small model has four styles."""

QUICK_TRAINING = {"steps": 4, "crop_size": 64, "stroke_size": 0.25, "encoder": "tiny-encoder.safetensors"}
"""A training that takes a second; the small encoder stands for the one of the workflow."""


def to_prompt(workflow: dict, info: dict) -> dict:
    """The page's graph format → the API's prompt format."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] not in info:
            assert node["type"] in ("MarkdownNote", "Note"), f"{node['type']} is not a node of ComfyUI or ours"
            continue
        values = iter(node.get("widgets_values", []))
        inputs = {}
        for slot in node["inputs"]:
            value = next(values) if "widget" in slot else None
            if slot["link"] is not None:
                inputs[slot["name"]] = sources[slot["link"]]
            elif "widget" in slot and slot["type"] != "IMAGEUPLOAD":
                inputs[slot["name"]] = value
        assert not list(values), f"{node['type']} has more values than widgets"
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def test_every_node_is_in_a_workflow() -> None:
    golden = Path(__file__).resolve().parents[1] / "nodes" / "node_schemas.json"
    shown = {node["type"] for path in WORKFLOWS for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]}
    assert set(json.loads(golden.read_text(encoding="utf-8"))) <= shown


def test_no_workflow_needs_a_file_in_the_input_folder() -> None:
    """It is empty with --base-directory and in containers (docs/adr/0011)."""
    shown = {path.stem: {node["type"] for node in json.loads(path.read_text("utf-8"))["nodes"]} for path in WORKFLOWS}
    assert [name for name, types in shown.items() if any(one.startswith("Load") for one in types)] == []


def test_every_workflow_has_a_small_picture() -> None:
    pictures = sorted(WORKFLOWS[0].parent.glob("*.jpg"))
    assert [picture.stem for picture in pictures] == [path.stem for path in WORKFLOWS]
    for picture in pictures:
        assert picture.stat().st_size <= 150_000
        with Image.open(picture) as image:
            assert image.width >= 320


def test_first_steps_needs_nothing_that_is_not_installed() -> None:
    """One loader, one Stylize, one sample photo: no file of the user, no download."""
    workflow = json.loads((WORKFLOWS[0].parent / "first_steps.json").read_text(encoding="utf-8"))
    types = sorted(node["type"] for node in workflow["nodes"] if node["type"] != "MarkdownNote")
    assert types == ["BrushworkLoadStyleModel", "BrushworkSamplePhoto", "BrushworkStylize", "SaveImage"]
    (model,) = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "BrushworkLoadStyleModel"]
    entry = load_manifest().find(model)
    assert entry is not None
    assert isinstance(entry.source, BundledSource)
    (style,) = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "BrushworkStylize"]
    names = {part for name in entry.styles for part in (name, name.partition("--")[0])}  # the bare name: large strokes
    assert style in names


@pytest.mark.comfyui
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_gives_an_image(server, path: Path) -> None:
    info = server.get("/object_info")
    workflow = json.loads(path.read_text(encoding="utf-8"))
    shown = {node["type"] for node in workflow["nodes"]}
    assert any(node.startswith("Brushwork") for node in shown)
    prompt = to_prompt(workflow, info)
    choices = info["BrushworkLoadStyleModel"]["input"]["required"]["model"][1]["options"]
    for name, node in prompt.items():
        node["inputs"] |= QUICK.get(node["class_type"], {})
        if node["class_type"] == "BrushworkLoadStyleModel":
            model = node["inputs"]["model"]
            assert model in choices, f"{model} of {path.name} can be had from nowhere"
            starts = any(other["inputs"].get("start_from") == [name, 0] for other in prompt.values())
            node["inputs"]["model"] = model if starts else STAND_INS[model]  # the network of a start must fit
        if "crop_size" in node["inputs"]:
            node["inputs"] |= QUICK_TRAINING
    entry, _ = server.run(prompt)
    assert entry["status"]["status_str"] == "success", entry
    pictures = [picture for output in entry["outputs"].values() for picture in output.get("images", [])]
    pictures = [picture for picture in pictures if picture["type"] == "output"]
    assert len(pictures) == PICTURES.get(path.stem, 1)
    for picture in pictures:
        query = f"/view?filename={picture['filename']}&subfolder={picture['subfolder']}&type=output"
        status, body = server.request(query)
        assert status == 200
        image = Image.open(io.BytesIO(body))
        assert image.width >= 96
        pixels = np.asarray(image.convert("RGB")).astype(int)
        assert np.ptp(pixels, axis=(0, 1)).max() > 8


@pytest.mark.comfyui
def test_the_bundled_starter_paints(server) -> None:
    if not list((Path(__file__).resolve().parents[2] / "weights").glob("cin-starter*.safetensors")):
        pytest.skip("no starter in weights/")
    path = next(path for path in WORKFLOWS if path.stem == "regions_by_mask")
    entry, _ = server.run(to_prompt(json.loads(path.read_text(encoding="utf-8")), server.get("/object_info")))
    assert entry["status"]["status_str"] == "success", entry
    shutil.rmtree(server.base / "output" / "brushwork", ignore_errors=True)
