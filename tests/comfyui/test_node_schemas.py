"""The golden schemas of tests/nodes, as the real ComfyUI tells them to the page. See conftest.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui

GOLDEN = Path(__file__).resolve().parents[1] / "nodes" / "node_schemas.json"
OPTIONS = ("default", "min", "max", "step", "options")
DYNAMIC = {"model", "companion", "encoder"}
"""Their options are the user's files."""


def from_object_info(info: dict) -> dict:
    """A node of /object_info → the golden form."""
    described: dict[str, list] = {"required": [], "optional": []}
    for section, inputs in described.items():
        for name in info["input_order"].get(section, []):
            io_type, options = info["input"][section][name]
            kept = [key for key in OPTIONS if key in options and not (key == "options" and name in DYNAMIC)]
            one = {"name": name, "type": io_type, **{key: options[key] for key in kept}}
            template = options.get("template")
            if template is not None:
                (slot,) = template["input"]["required"].values()
                one["slots"] = {"type": slot[0], **{key: template[key] for key in ("prefix", "min", "max")}}
            inputs.append(one)
    outputs = [
        {"name": name, "type": io_type, "list": is_list}
        for name, io_type, is_list in zip(info["output_name"], info["output"], info["output_is_list"], strict=True)
    ]
    return {"display_name": info["display_name"], **described, "outputs": outputs}


@pytest.mark.parametrize("node_id", sorted(json.loads(GOLDEN.read_text(encoding="utf-8"))))
def test_the_schema_is_the_golden_one(server, node_id: str) -> None:
    info = server.get(f"/object_info/{node_id}")[node_id]
    assert from_object_info(info) == json.loads(GOLDEN.read_text(encoding="utf-8"))[node_id]
