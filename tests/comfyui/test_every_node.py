"""Every node that takes pictures, in the real ComfyUI, with the pictures that users have. See conftest.py."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.comfyui

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
SIZES = {"1x1": (1, 1), "odd": (37, 21), "4K": (3840, 2160)}
SAVED = ("picture", "painting")

PAINTERS = {
    "BrushworkStylize": ("tiny-transformer_net.safetensors", {}),
    "BrushworkAdaINStylize": ("tiny-microast.safetensors", {"style_images.style_image0": ["style", 0]}),
    "BrushworkCoMatchStylize": ("tiny-msg_net.safetensors", {"style_images.style_image0": ["style", 0]}),
    "BrushworkCINStyleMix": ("tiny-conditional_transformer_net.safetensors", {"layers.layer0": ["layer", 0]}),
    "BrushworkPreserveColor": ("", {"painting": ["photos", 0], "original": ["style", 0]}),
    "BrushworkStylizeVideo": ("tiny-conditional_transformer_net.safetensors", {"images": ["photos", 0]}),
}
"""Node → its model, and what is wired in beside the photos."""


def defaults(server, node: str) -> dict:
    """The values of a fresh node's widgets."""
    info = server.get(f"/object_info/{node}")[node]
    found = {}
    for name, (kind, *rest) in {**info["input"].get("required", {}), **info["input"].get("optional", {})}.items():
        options = rest[0] if rest else {}
        if "default" in options:
            found[name] = options["default"]
        elif kind == "COMBO" or isinstance(kind, list):
            found[name] = (options.get("options") or kind)[0]
    return found


def graph(server, node: str, width: int, height: int, *, batch: int, alpha: bool, mask: bool, listed: bool) -> dict:
    """Photos → the node → saved, in the API's format."""
    model, wires = PAINTERS[node]
    photos = {"width": width, "height": height, "batch_size": batch, "color": 0x336699}
    prompt = {
        "plain": {"class_type": "EmptyImage", "inputs": photos},
        "style": {"class_type": "BrushworkSamplePhoto", "inputs": {"photo": "coffee"}},
        "half": {"class_type": "SolidMask", "inputs": {"value": 0.5, "width": 64, "height": 48}},
        "layer": {
            "class_type": "BrushworkStyleLayer",
            "inputs": {**defaults(server, "BrushworkStyleLayer"), "style_name": "great-wave", "mask": ["half", 0]},
        },
        "load": {
            "class_type": "BrushworkLoadStyleModel",
            "inputs": {"model": model or "tiny-transformer_net.safetensors", "companion": "automatic"},
        },
        "photos": {"class_type": "EmptyImage", "inputs": photos},
    }
    if alpha:
        prompt["photos"] = {
            "class_type": "JoinImageWithAlpha", "inputs": {"image": ["plain", 0], "alpha": ["half", 0]}
        }  # fmt: skip
    elif listed:
        prompt["photos"] = {"class_type": "RebatchImages", "inputs": {"images": ["plain", 0], "batch_size": 1}}
    inputs = {**defaults(server, node), "image": ["photos", 0], "style_model": ["load", 0], **wires}
    if "images" in wires:
        del inputs["image"]
    if node == "BrushworkPreserveColor":
        inputs = {**defaults(server, node), **wires}
    elif mask:
        inputs["mask"] = ["half", 0]
    prompt["node"] = {"class_type": node, "inputs": inputs}
    prompt["save"] = {"class_type": "PreviewImage", "inputs": {"images": ["node", 0]}}
    used = {"save"}
    while True:
        more = {
            value[0] for name in used for value in prompt[name]["inputs"].values() if isinstance(value, list)
        } - used
        if not more:
            return {name: part for name, part in prompt.items() if name in used}
        used |= more


def sizes(server, entry: dict) -> list[tuple[int, int]]:
    assert entry["status"]["status_str"] == "success", entry.get("error", entry["status"])
    found = []
    for picture in entry["outputs"]["save"]["images"]:
        query = f"/view?filename={picture['filename']}&subfolder={picture['subfolder']}&type={picture['type']}"
        status, body = server.request(query)
        assert status == 200
        with Image.open(io.BytesIO(body)) as image:
            found.append(image.size)
    return found


@pytest.mark.parametrize("node", PAINTERS)
@pytest.mark.parametrize(
    ("size", "batch", "alpha", "mask", "listed"),
    [
        ("odd", 3, False, False, False),
        ("odd", 3, True, True, False),
        ("1x1", 3, True, True, False),
        ("odd", 3, False, True, True),
        ("4K", 1, False, True, False),
    ],
    ids=["batch", "rgba-and-mask-of-another-size", "one-pixel", "list", "4K"],
)
def test_the_node_paints(server, node: str, size: str, batch: int, alpha: bool, mask: bool, listed: bool) -> None:
    width, height = SIZES[size]
    entry, _ = server.run(graph(server, node, width, height, batch=batch, alpha=alpha, mask=mask, listed=listed))
    assert sizes(server, entry) == [(width, height)] * batch


def test_every_node_that_takes_a_picture_is_tested() -> None:
    golden = json.loads((HERE.parent / "nodes" / "node_schemas.json").read_text(encoding="utf-8"))
    painters = {
        name
        for name, schema in golden.items()
        if any(
            slot["name"] in ("image", "images", "painting") and slot["type"] == "IMAGE" for slot in schema["required"]
        )
        and any(output["type"] == "IMAGE" for output in schema["outputs"])
    }
    assert painters - set(LOOKERS) == set(PAINTERS)


LOOKERS = {
    "BrushworkStyleGrid": {"style_model": ["load", 0], "image": ["photos", 0], "strengths": "1", "paint_size": 64},
    "BrushworkMeasureStylization": {"painting": ["photos", 0], "photo": ["plain", 0], "style_image": ["style", 0]},
    "BrushworkReconstructFeatures": {"image": ["photos", 0], "steps": 2, "size": 64},
}
"""Nodes whose picture has a size of its own."""


@pytest.mark.parametrize("node", LOOKERS)
def test_the_nodes_that_look_take_batches_and_alpha(server, node: str) -> None:
    task = graph(server, "BrushworkStylize", 65, 49, batch=3, alpha=True, mask=False, listed=False)
    task["style"] = {"class_type": "BrushworkSamplePhoto", "inputs": {"photo": "coffee"}}
    values = {**defaults(server, node), **LOOKERS[node]}
    if "encoder" in values:
        values["encoder"] = "compact"
    task["node"] = {"class_type": node, "inputs": values}
    task["save"]["inputs"]["images"] = ["node", 1 if node == "BrushworkMeasureStylization" else 0]
    entry, _ = server.run(task)
    assert all(min(size) > 8 for size in sizes(server, entry))


def test_publish_shows_any_photos(server) -> None:
    task = graph(server, "BrushworkStylize", 1, 1, batch=3, alpha=True, mask=False, listed=False)
    publish = {**defaults(server, "BrushworkPublishStyle"), "repository": "owner/tiny", "license": "MIT"}
    task["node"] = {
        "class_type": "BrushworkPublishStyle",
        "inputs": {**publish, "style_model": ["load", 0], "photos": ["photos", 0]},
    }
    del task["save"]
    entry, _ = server.run(task)
    assert entry["status"]["status_str"] == "success", entry
    (folder,) = [Path(text.splitlines()[0]) for text in entry["outputs"]["node"]["text"]]
    assert folder.is_relative_to(server.base / "output")
    assert (folder / "tiny.safetensors").is_file()


def test_a_folder_with_an_empty_upload_among_the_photos(server) -> None:
    folder = server.base / "input" / "holiday"
    folder.mkdir()
    shutil.copy(server.base / "input" / "example.png", folder / "one.png")
    Image.new("RGBA", (1, 1), (9, 9, 9, 9)).save(folder / "two.png")
    (folder / "upload.jpg").write_bytes(b"")
    task = {
        "load": {
            "class_type": "BrushworkLoadStyleModel",
            "inputs": {"model": "tiny-transformer_net.safetensors", "companion": "automatic"},
        },
        "node": {
            "class_type": "BrushworkStylizeFolder",
            "inputs": {
                **defaults(server, "BrushworkStylizeFolder"), "style_model": ["load", 0],
                "input_folder": "holiday", "output_folder": "painted",
            },
        },
    }  # fmt: skip
    entry, _ = server.run(task)
    assert "failed: upload.jpg: 0 bytes" in entry["outputs"]["node"]["text"][0]
    assert {path.name for path in (server.base / "output" / "painted").glob("*.png")} == {"one.png", "two.png"}
    task["node"]["inputs"]["input_folder"] = "../models"
    entry, _ = server.run(task)
    assert "cannot be the folder" in entry["error"]["exception_message"]


@pytest.mark.parametrize("name", ["user/missing", "no repository", ""])
def test_a_repository_that_cannot_be_had_is_explained_and_the_server_goes_on(server, name: str) -> None:
    task = {
        "get": {"class_type": "BrushworkGetStyle", "inputs": {"repository": name}},
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["get", 1]}},
    }
    entry, _ = server.run(task)
    message = entry["error"]["exception_message"]
    assert "do: " in message
    assert ("offline" in message) == (name == "user/missing")
    entry, _ = server.run(graph(server, "BrushworkStylize", 8, 8, batch=1, alpha=False, mask=False, listed=False))
    assert sizes(server, entry) == [(8, 8)]


@pytest.mark.parametrize("node", ["BrushworkStylize", "BrushworkStyleLayer", "BrushworkStylizeFolder"])
def test_a_workflow_saved_before_a_widget_was_appended_opens(comfyui, server, node: str) -> None:
    """As it will be after a release: the newest widget is taken out of a saved node, as if it came later."""
    _, python = comfyui
    if not Path(CHROMIUM).exists() or subprocess.run([python, "-c", "import playwright"], check=False).returncode:
        pytest.skip("no Chromium, or no playwright in ComfyUI's Python")
    command = [python, str(HERE / "old_workflow_driver.py"), f"http://127.0.0.1:{server.port}", node, CHROMIUM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(seen["widgets"]) > 2 or node == "BrushworkStyleLayer"
    changed = dict(seen["set"])
    for name, value in changed.items():
        assert seen["opened"][name] == value, f"{name} lost its value"
    last = seen["widgets"][-1]
    assert seen["opened"][last] == seen["default"], f"{last} is not at its default"
