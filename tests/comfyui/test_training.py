"""Training in a real ComfyUI: previews on the way, cancel keeps the model, resume goes on. See conftest.py."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.comfyui

WATCHED_S = 60


def prompt(filename: str, **widgets: object) -> dict:
    """Train on two plain photos and a painting, show the preview; in the API's format."""
    learn = {"method": "in", "photo_folder": "", "filename": filename, "minutes": 5.0, "steps": 4, "strength": 1.0}
    learn |= {"stroke_size": 0.25, "encoder": "tiny-encoder.safetensors", "resume": False, "style_names": ""}
    learn |= {"style_folder": "", "network": "tiny 8-16-32", "upsampling": "nearest", "learning_rate": 0.001}
    learn |= {"crop_size": 64, "batch": 2, "statistic": "gram", "content": "perceptual", "tv_weight": 0.0}
    learn |= {"training_seed": 0, "style_images.style_image0": ["1", 0], "photos": ["2", 0], **widgets}
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {
            "class_type": "EmptyImage",
            "inputs": {"width": 96, "height": 80, "batch_size": 2, "color": 0x336699},
        },
        "3": {"class_type": "BrushworkTrainStyleModel", "inputs": learn},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 2]}},
    }


def choices(server) -> list[str]:
    info = server.get("/object_info/BrushworkLoadStyleModel")["BrushworkLoadStyleModel"]
    return info["input"]["required"]["model"][1]["options"]


def told(messages: list) -> str:
    """Everything that came as binary messages, texts among them."""
    return b" ".join(message for message in messages if isinstance(message, bytes)).decode("utf-8", "replace")


def steps_of(path: Path) -> int:
    from brushwork.core.checkpoints import load_checkpoint

    return load_checkpoint(path).spec.provenance["steps"]


def test_a_training_shows_itself_saves_its_file_and_is_not_repeated(server) -> None:
    entry, messages = server.run(prompt("trained/one"))
    assert entry["status"]["status_str"] == "success", entry
    values = [data["value"] for kind, data in filter(lambda m: isinstance(m, tuple), messages) if kind == "progress"]
    assert values[-1] == 4
    assert any(isinstance(message, bytes) and b"\xff\xd8\xff" in message for message in messages), "no JPEG came"
    assert "style" in told(messages)
    assert "left" in told(messages)
    assert any(message[0] == "brushwork.models_changed" for message in messages if isinstance(message, tuple))
    assert "trained/one.safetensors" in choices(server)
    assert steps_of(server.models / "trained" / "one.safetensors") == 4
    for node, size in (("3", (2 * 77, 2 * 64)), ("4", (900, 500))):
        (picture,) = entry["outputs"][node]["images"]
        query = f"/view?filename={picture['filename']}&subfolder={picture['subfolder']}&type={picture['type']}"
        assert Image.open(io.BytesIO(server.request(query)[1])).size == size
    again, _ = server.run(prompt("trained/one"))
    assert again["status"]["status_str"] == "success"
    assert "trained/one_00001.safetensors" not in choices(server)
    assert not list((server.base / "temp").glob("brushwork-*"))


def test_cancel_keeps_the_model_and_a_second_run_resumes(server) -> None:
    path = server.models / "trained" / "stopped.safetensors"
    listener, client = server.listen()
    try:
        task = prompt("trained/stopped", steps=100_000)
        status, body = server.request("/prompt", {"prompt": task, "client_id": client})
        assert status == 200, body
        deadline, asked = time.monotonic() + WATCHED_S, 0.0
        kind, previews = "", 0
        while kind not in ("execution_interrupted", "execution_error", "execution_success"):
            assert time.monotonic() < deadline
            message = listener.receive()
            if isinstance(message, bytes):
                previews += b"\xff\xd8\xff" in message
            else:
                kind, data = message
                if kind == "progress" and data["node"] == "3" and data["value"] > 3 and not asked:
                    asked = time.monotonic()
                    server.request("/interrupt", {})
    finally:
        listener.close()
    assert kind == "execution_interrupted"
    assert time.monotonic() - asked < 10
    assert previews >= 1
    stopped = steps_of(path)
    assert 3 < stopped < 100_000
    assert "trained/stopped.safetensors" in choices(server)
    entry, messages = server.run(prompt("trained/stopped", steps=stopped + 5, resume=True))
    assert entry["status"]["status_str"] == "success", entry
    seen = [data["value"] for kind, data in filter(lambda m: isinstance(m, tuple), messages) if kind == "progress"]
    assert stopped < min(value for value in seen if value)
    assert steps_of(path) == stopped + 5
    log = path.with_suffix(".log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in log] == list(range(1, stopped + 6))


def test_an_added_style_paints_and_is_listed(server) -> None:
    task = prompt("trained/more")
    inputs = task["3"]["inputs"]
    for name in ("method", "style_names", "style_folder", "network", "upsampling", "style_images.style_image0"):
        del inputs[name]
    inputs |= {"style_model": ["5", 0], "style_image": ["1", 0], "style_name": "new"}
    task["3"]["class_type"] = "BrushworkAddStyle"
    load = {"model": "tiny-conditional_transformer_net.safetensors", "companion": "automatic"}
    task["5"] = {"class_type": "BrushworkLoadStyleModel", "inputs": load}
    paint = {"style_model": ["3", 0], "image": ["1", 0], "style": "new", "strength": 1.0}
    paint |= {"preserve_color": "none", "precision": "auto"}
    task["6"] = {"class_type": "BrushworkStylize", "inputs": paint}
    task["7"] = {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}}
    entry, _ = server.run(task)
    assert entry["status"]["status_str"] == "success", entry
    assert entry["outputs"]["7"]["images"]
    assert "trained/more.safetensors" in choices(server)


def test_the_bundled_encoder_is_the_first_choice_and_trains(server) -> None:
    if not (Path(__file__).resolve().parents[2] / "weights" / "compact-encoder.safetensors").exists():
        pytest.skip("no encoder in weights/")
    info = server.get("/object_info/BrushworkTrainStyleModel")["BrushworkTrainStyleModel"]
    assert info["input"]["required"]["encoder"][1]["options"][0] == "compact"
    entry, _ = server.run(prompt("trained/compact", encoder="compact", steps=2))
    assert entry["status"]["status_str"] == "success", entry


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("filename", "../escaped", "cannot be its name"),
        ("style_names", "a, b", "names do not fit"),
        ("photo_folder", "../../..", "There is no folder"),
    ],
)
def test_wrong_input_is_explained(server, name: str, value: str, message: str) -> None:
    task = prompt(**{"filename": "trained/wrong", name: value})
    if name == "photo_folder":
        del task["3"]["inputs"]["photos"]
    entry, _ = server.run(task)
    assert message in entry["error"]["exception_message"]
    assert not list(server.models.rglob("*escaped*"))
    assert not list(server.models.rglob("wrong*"))


def test_an_unknown_encoder_is_refused_before_anything_runs(server) -> None:
    status, body = server.request("/prompt", {"prompt": prompt("trained/wrong", encoder="nothing")})
    assert status == 400
    errors = json.loads(body)["node_errors"]["3"]["errors"]
    assert [error["extra_info"]["input_name"] for error in errors] == ["encoder"]
