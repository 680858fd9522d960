"""Every file of example_workflows/, as the page would queue it. See conftest.py."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "example_workflows").glob("*.json"))
TO_FETCH = {"21styles.model"}
"""Models that the workflow's own note tells the user to fetch."""

STAND_INS = {
    "cin-starter": "tiny-conditional_transformer_net.safetensors",
    "AdaIN decoder, 1000 iterations (vkganesan) (hub)": "tiny-microast.safetensors",
    "21styles.model": "tiny-msg_net.safetensors",
}
"""Small local models of the same kind for those that would have to be downloaded."""


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


def test_there_is_one_workflow_for_each_node() -> None:
    modules = (Path(__file__).resolve().parents[2] / "nodes").glob("[!_]*.py")
    assert {path.stem for path in WORKFLOWS} == {path.stem for path in modules}


@pytest.mark.comfyui
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_gives_an_image(server, path: Path) -> None:
    info = server.get("/object_info")
    workflow = json.loads(path.read_text(encoding="utf-8"))
    shown = {node["type"] for node in workflow["nodes"]}
    assert any(node.startswith("Brushwork") for node in shown)
    prompt = to_prompt(workflow, info)
    choices = info["BrushworkLoadStyleModel"]["input"]["required"]["model"][1]["options"]
    for node in prompt.values():
        if node["class_type"] == "BrushworkLoadStyleModel":
            model = node["inputs"]["model"]
            assert model in choices or model in TO_FETCH, f"{model} of {path.name} can be had from nowhere"
            node["inputs"]["model"] = STAND_INS[model]
        if "encoder" in node["inputs"]:
            node["inputs"] |= QUICK_TRAINING
    entry, _ = server.run(prompt)
    assert entry["status"]["status_str"] == "success", entry
    pictures = [picture for output in entry["outputs"].values() for picture in output.get("images", [])]
    pictures = [picture for picture in pictures if picture["type"] == "output"]
    assert len(pictures) == (4 if path.stem == "load_style_model" else 1)
    for picture in pictures:
        query = f"/view?filename={picture['filename']}&subfolder={picture['subfolder']}&type=output"
        status, body = server.request(query)
        assert status == 200
        image = Image.open(io.BytesIO(body))
        assert image.size == (96, 64)
        assert max(high - low for low, high in image.convert("RGB").getextrema()) > 8


@pytest.mark.comfyui
def test_the_bundled_starter_paints(server) -> None:
    if not list((Path(__file__).resolve().parents[2] / "weights").glob("cin-starter*.safetensors")):
        pytest.skip("no starter in weights/")
    path = next(path for path in WORKFLOWS if path.stem == "cin_style_mix")
    entry, _ = server.run(to_prompt(json.loads(path.read_text(encoding="utf-8")), server.get("/object_info")))
    assert entry["status"]["status_str"] == "success", entry
    shutil.rmtree(server.base / "output" / "brushwork", ignore_errors=True)
