"""The pack in a real, headless ComfyUI: start, errors, progress, interrupt, no needless reload. See conftest.py."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui

NODES = set(json.loads((Path(__file__).parents[1] / "nodes" / "node_schemas.json").read_text(encoding="utf-8")))
INTERRUPTED_BATCH = 60


def prompt(model: str, *, strength: float = 1.0, batch: int = 1, side: int = 64, style: str = "") -> dict:
    """Load, stylize a plain batch, show it; in the API's format."""
    paint = {"style_model": ["1", 0], "image": ["2", 0], "style": style, "strength": strength}
    paint |= {"preserve_color": "none", "precision": "auto"}
    picture = {"width": side, "height": side, "batch_size": batch, "color": 0x336699}
    return {
        "1": {
            "class_type": "BrushworkLoadStyleModel",
            "inputs": {"model": model, "companion": "automatic"},
        },
        "2": {"class_type": "EmptyImage", "inputs": picture},
        "3": {"class_type": "BrushworkStylize", "inputs": paint},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }


def steps(messages: list, node: str = "3") -> list[tuple[int, int]]:
    """(value, max) of the progress messages of a node, in order."""
    texts = [message for message in messages if isinstance(message, tuple)]
    found = [data for kind, data in texts if kind == "progress" and data.get("node") == node]
    return [(int(data["value"]), int(data["max"])) for data in found]


def test_all_nodes_are_there_and_the_start_log_is_clean(server) -> None:
    info = server.get("/object_info")
    assert {name for name in info if name.startswith("Brushwork")} == NODES
    log = server.log.split("To see the GUI go to")[0]  # what later prompts log is theirs
    assert "IMPORT FAILED" not in log
    for line in log.splitlines():
        ours = "rushwork" in line or "The style models" in line
        assert not (ours and re.search(r"ERROR|WARNING|Traceback|Error while", line)), line


@pytest.mark.parametrize("node", sorted(NODES))
def test_the_page_can_fetch_the_help_of_every_node(server, node: str) -> None:
    status, body = server.request(f"/extensions/comfyui-brushwork/docs/{node}.md")
    assert status == 200
    assert b"(Brushwork)" in body
    for picture in re.findall(r"\]\((images/[^)]+)\)", body.decode()):
        status, data = server.request(f"/extensions/comfyui-brushwork/docs/{picture}")
        assert status == 200
        assert data.startswith(b"\xff\xd8")


def test_the_page_lists_the_example_workflows(server) -> None:
    listed = server.get("/api/workflow_templates")["comfyui-brushwork"]
    files = (Path(__file__).resolve().parents[2] / "example_workflows").glob("*.json")
    assert set(listed) == {path.stem for path in files}


def test_the_list_has_local_files_and_marked_titles_of_the_hub(server) -> None:
    info = server.get("/object_info/BrushworkLoadStyleModel")["BrushworkLoadStyleModel"]
    names = info["input"]["required"]["model"][1]["options"]
    assert "tiny-transformer_net.safetensors" in names
    assert [name for name in names if name.endswith(" (hub)")]
    assert len(names) == len(set(names))


def test_a_batch_reports_every_picture_and_sends_a_preview(server) -> None:
    entry, messages = server.run(prompt("tiny-transformer_net.safetensors", batch=3))
    assert entry["status"]["status_str"] == "success"
    assert len(entry["outputs"]["4"]["images"]) == 3
    assert steps(messages)[-1] == (3, 3)
    assert any(isinstance(message, bytes) for message in messages)


def test_another_strength_does_not_load_the_model_again_but_a_changed_file_does(server) -> None:
    path = server.models / "once.safetensors"
    shutil.copy(server.models / "tiny-transformer_net.safetensors", path)

    def loads() -> int:
        return server.log.count("loaded transformer_net from once.safetensors")

    for strength in (1.0, 0.5, 0.25):
        entry, _ = server.run(prompt(path.name, strength=strength))
        assert entry["status"]["status_str"] == "success"
        assert loads() == 1
    os.utime(path, (1, 1))
    server.run(prompt(path.name))
    assert loads() == 2


def test_interrupt_stops_between_the_pictures_and_the_server_goes_on(server) -> None:
    listener, client = server.listen()
    try:
        task = prompt("tiny-transformer_net.safetensors", batch=INTERRUPTED_BATCH, side=512)
        status, body = server.request("/prompt", {"prompt": task, "client_id": client})
        assert status == 200, body
        seen = []
        while True:
            message = listener.receive()
            seen.append(message)
            kind = message[0] if isinstance(message, tuple) else ""
            if kind == "progress" and len(steps(seen)) == 2:
                server.request("/interrupt", {})
            if kind in ("execution_interrupted", "execution_success", "execution_error"):
                break
    finally:
        listener.close()
    assert kind == "execution_interrupted"
    assert 1 <= steps(seen)[-1][0] < INTERRUPTED_BATCH
    entry, _ = server.run(prompt("tiny-transformer_net.safetensors", side=32))
    assert entry["status"]["status_str"] == "success"


@pytest.mark.parametrize(
    ("node", "name", "value"),
    [
        ("1", "model", "../../../secret.pth"),
        ("1", "companion", "no-such-file.pth"),
        ("3", "strength", 2.0),
        ("3", "strength", -0.1),
        ("3", "preserve_color", "sepia"),
        ("3", "image", ["1", 0]),
    ],
)
def test_wrong_inputs_are_refused_before_anything_runs(server, node: str, name: str, value: object) -> None:
    task = prompt("tiny-transformer_net.safetensors")
    task[node]["inputs"][name] = value
    status, body = server.request("/prompt", {"prompt": task})
    assert status == 400
    errors = json.loads(body)["node_errors"][node]["errors"]
    assert any(error["extra_info"]["input_name"] == name for error in errors)


def test_an_unknown_style_is_told_with_the_names_there_are(server) -> None:
    entry, _ = server.run(prompt("tiny-conditional_transformer_net.safetensors", style="nachtwacht"))
    message = entry["error"]["exception_message"]
    assert "starry-night, great-wave" in message
    assert "nachtwacht" in message


def test_a_model_in_the_wrong_node_is_told_which_node_is_right(server) -> None:
    entry, _ = server.run(prompt("tiny-msg_net.safetensors"))
    assert "CoMatch Stylize (Brushwork)" in entry["error"]["exception_message"]


def test_save_keeps_what_is_there_and_refuses_to_leave_its_folder(server) -> None:
    task = prompt("tiny-transformer_net.safetensors")
    keep = {"style_model": ["1", 0], "filename": "mine/kept", "dtype": "float32", "overwrite": False}
    task["5"] = {"class_type": "BrushworkSaveStyleModel", "inputs": keep}
    first, _ = server.run(task)
    task["5"]["inputs"]["dtype"] = "float16"
    second, _ = server.run(task)
    assert first["outputs"]["5"]["text"] == [str(server.models / "mine" / "kept.safetensors")]
    assert second["outputs"]["5"]["text"] == [str(server.models / "mine" / "kept_00001.safetensors")]
    info = server.get("/object_info/BrushworkLoadStyleModel")["BrushworkLoadStyleModel"]
    assert "mine/kept.safetensors" in info["input"]["required"]["model"][1]["options"]
    task["5"]["inputs"]["filename"] = "../escaped"
    third, _ = server.run(task)
    assert "cannot be its name" in third["error"]["exception_message"]
    assert not (server.models.parent / "escaped.safetensors").exists()
