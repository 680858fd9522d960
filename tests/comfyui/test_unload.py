"""After "Free model and node cache" nothing of ours stays on the device: not the weights, nor what they computed."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui


def test_unloading_takes_everything_of_ours(comfyui: tuple[Path, str], base_folder: Path) -> None:
    folder, python = comfyui
    pack, models = base_folder / "custom_nodes" / "comfyui-brushwork", base_folder / "models" / "style_transfer"
    driver = Path(__file__).with_name("unload_driver.py")
    command = [python, str(driver), str(folder), str(pack), str(models)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(seen) == 2
    for name, one in seen.items():
        assert one["loaded"], f"{name}: ComfyUI does not know that it is on the device"
        assert one["loaded_after"] == [], name
        assert one["watched"] >= (3 if "microast" in name else 1), f"{name}: the encoded style was not watched"
        assert one["left"] == 0, f"{name}: something still holds the Stylizer or an encoded style"
        assert one["same_again"], f"{name}: another picture after coming back"
        assert one["shared"], f"{name}: read twice while it is in use"
        assert not one["network_left"], f"{name}: something still holds the network"


FREED_S = 20
WATCHED = {
    "tiny-transformer_net.safetensors": ("BrushworkStylize", {"style": ""}),
    "tiny-conditional_transformer_net.safetensors": ("BrushworkStylize", {"style": "great-wave"}),
    "tiny-microast.safetensors": ("BrushworkAdaINStylize", {"style_images.style_image0": ["photo", 0]}),
}


def test_free_leaves_nothing_in_the_running_server(server) -> None:
    """The page's button, after paintings by several models, a measurement and a reconstruction."""
    photo = {"class_type": "BrushworkSamplePhoto", "inputs": {"photo": "chelsea"}}
    small = {"upscale_method": "area", "width": 64, "height": 48, "crop": "disabled"}
    scaled = {"class_type": "ImageScale", "inputs": {"image": ["whole", 0], **small}}
    common = {"strength": 1.0, "preserve_color": "none", "precision": "auto"}
    look = {"painting": ["node", 0], "photo": ["photo", 0], "style_image": ["photo", 0], "style_size": 64}
    again = {"image": ["photo", 0], "keep": "feature", "layer": "relu2_1", "steps": 1, "size": 48, "content": 0.7}
    tasks = {
        "measure": {"class_type": "BrushworkMeasureStylization", "inputs": {**look, "film": False}},
        "again": {"class_type": "BrushworkReconstructFeatures", "inputs": again | {"smoothness": 0, "start_seed": 0}},
    }
    for task in tasks.values():
        task["inputs"]["encoder"] = "compact"
    for model, (node, values) in WATCHED.items():
        load = {"class_type": "BrushworkLoadStyleModel", "inputs": {"model": model, "companion": "automatic"}}
        paint = {"style_model": ["load", 0], "image": ["photo", 0], **common, **values}
        prompt = {"whole": photo, "photo": scaled, "load": load, "node": {"class_type": node, "inputs": paint}}
        for name, source in (("1", ["node", 0]), ("2", ["measure", 1]), ("3", ["again", 0])):
            prompt[f"show{name}"] = {"class_type": "PreviewImage", "inputs": {"images": source}}
        entry, _ = server.run({**prompt, **tasks})
        assert entry["status"]["status_str"] == "success", entry
    alive = server.get("/brushwork_probe/alive")
    assert alive["HostedModel"] == 1, "the last model is in the cache of outputs"
    assert alive["Stylizer"] == 1
    assert server.request("/free", {"unload_models": True, "free_memory": True})[0] == 200
    deadline = time.monotonic() + FREED_S
    while alive and time.monotonic() < deadline:
        time.sleep(0.2)
        alive = server.get("/brushwork_probe/alive")
    assert alive == {}


def test_painting_again_and_again_keeps_what_is_on_the_device(server) -> None:
    """ComfyUI detaches a model that it is asked for a second time; that is no reason to begin anew."""
    before = len(server.log)
    paint = {"style_model": ["load", 0], "image": ["photo", 0], "preserve_color": "none", "precision": "auto"}
    load = {"model": "tiny-conditional_transformer_net.safetensors", "companion": "automatic"}
    prompt = {
        "photo": {"class_type": "BrushworkSamplePhoto", "inputs": {"photo": "chelsea"}},
        "load": {"class_type": "BrushworkLoadStyleModel", "inputs": load},
        "node": {"class_type": "BrushworkStylize", "inputs": {**paint, "style": "great-wave"}},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["node", 0]}},
    }
    for strength in (1.0, 0.9, 0.8, 0.7):
        prompt["node"]["inputs"]["strength"] = strength
        entry, _ = server.run(prompt)
        assert entry["status"]["status_str"] == "success", entry
    log = server.log[before:]
    assert log.count("Requested to load ConditionalTransformerNet") <= 1
    assert "memory leak" not in log
