"""After "Free model and node cache" nothing of ours stays on the device: not the weights, nor what they computed."""

from __future__ import annotations

import json
import subprocess
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
        assert not one["network_left"], f"{name}: something still holds the network"
