"""Folders of photos, what is published, names of repositories, workflows of earlier versions, in the real ComfyUI."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.comfyui

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"


def test_publish_writes_a_folder_into_the_output(server) -> None:
    load = {"model": "tiny-transformer_net.safetensors", "companion": "automatic"}
    publish = {**server.defaults("BrushworkPublishStyle"), "repository": "owner/tiny", "license": "MIT"}
    entry, _ = server.run(
        {
            "load": {"class_type": "BrushworkLoadStyleModel", "inputs": load},
            "node": {"class_type": "BrushworkPublishStyle", "inputs": {**publish, "style_model": ["load", 0]}},
        }
    )
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
                **server.defaults("BrushworkStylizeFolder"), "style_model": ["load", 0],
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
    entry, _ = server.run(
        {
            "photo": {"class_type": "BrushworkSamplePhoto", "inputs": {"photo": "coffee"}},
            "shown": {"class_type": "PreviewImage", "inputs": {"images": ["photo", 0]}},
        }
    )
    assert server.sizes(entry["outputs"]["shown"])


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
