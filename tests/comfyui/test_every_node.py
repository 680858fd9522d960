"""Every node that takes pictures or masks, in the real ComfyUI, with the pictures that users have. See conftest.py.

What a node takes is read from the schema golden: a new picture input is tested as soon as it is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui

GOLDEN = json.loads((Path(__file__).parents[1] / "nodes" / "node_schemas.json").read_text(encoding="utf-8"))
SIZES = {"1x1": (1, 1), "odd": (67, 41), "4K": (3840, 2160)}


@dataclass(frozen=True)
class Subject:
    """How a node is run: its model, widgets that differ from the defaults, and what tells that it has worked."""

    model: str = "transformer_net"
    widgets: dict = field(default_factory=dict)
    output: int | None = 0
    """Which one is a picture, or is painted with; None: it only tells a text."""
    repaints: bool = True
    """Whether that picture has the size of the photo."""


COLOURED = {"preserve_color": "histogram"}  # so that the palette is used
TRAINED = {"steps": 2, "crop_size": 64, "stroke_size": 0.25, "batch": 1, "encoder": "tiny-encoder.safetensors"}
NODES = {
    "BrushworkStylize": Subject("transformer_net", COLOURED),
    "BrushworkAdaINStylize": Subject("microast", COLOURED),
    "BrushworkCoMatchStylize": Subject("msg_net", COLOURED),
    "BrushworkCINStyleMix": Subject("conditional_transformer_net", COLOURED),
    "BrushworkStylizeVideo": Subject("conditional_transformer_net", COLOURED),
    "BrushworkPreserveColor": Subject(widgets={"method": "histogram"}),
    "BrushworkStyleLayer": Subject("microast"),
    "BrushworkStyleCorners": Subject("microast"),
    "BrushworkStyleGrid": Subject("microast", {"strengths": "1", "paint_size": 64}, repaints=False),
    "BrushworkMeasureStylization": Subject(widgets={"encoder": "compact"}, output=1, repaints=False),
    "BrushworkReconstructFeatures": Subject(
        widgets={"keep": "best painting", "layer": "relu4_1", "steps": 2, "size": 64, "encoder": "compact"},
        repaints=False,
    ),
    "BrushworkTrainStyleModel": Subject(
        widgets={**TRAINED, "method": "cin", "filename": "trained/cin"}, output=2, repaints=False
    ),
    "BrushworkAddStyle": Subject(
        "conditional_transformer_net",
        {**TRAINED, "filename": "trained/added"},
        output=2,
        repaints=False,
    ),
    "BrushworkExportStyleModel": Subject(
        "msg_net", {"format": "torchscript", "filename": "exported/one", "overwrite": True}, output=None
    ),
    "BrushworkPublishStyle": Subject(widgets={"repository": "owner/tiny", "license": "MIT"}, output=None),
    "BrushworkStylizeFolder": Subject(
        "microast", {"output_folder": "painted-like", "existing": "replace"}, output=None
    ),
}


def slots(node: str) -> list[dict]:
    """The inputs that are no widgets."""
    schema = GOLDEN[node]
    known = ("IMAGE", "MASK", "IMAGE,BRUSHWORK_LAYER", "COMFY_AUTOGROW_V3", "BRUSHWORK_STYLE")
    return [slot for slot in (*schema["required"], *schema["optional"]) if slot["type"] in known]


def wired(node: str, *, mask: bool) -> dict[str, list]:
    """Every input of pictures gets the photos; those of masks one of another size, where it is wanted."""
    wires = {}
    for slot in slots(node):
        name, kind = slot["name"], slot["type"]
        if kind == "BRUSHWORK_STYLE":
            wires[name] = ["load", 0]
        elif kind == "MASK" and mask:
            wires[name] = ["half", 0]
        elif kind == "COMFY_AUTOGROW_V3":
            takes_pictures = "IMAGE" in slot["slots"]["type"]
            wires[f"{name}.{slot['slots']['prefix']}0"] = ["photos" if takes_pictures else "layer", 0]
        elif kind != "MASK":
            wires[name] = ["photos", 0]
    wires.pop("start_from", None)  # a model of the size that is trained; test_training.py
    return wires


def graph(server, node: str, width: int, height: int, *, batch: int, alpha: bool, mask: bool, listed: bool) -> dict:
    """Photos → the node → shown, in the API's format."""
    subject = NODES[node]
    photos = {"width": width, "height": height, "batch_size": batch, "color": 0x336699}
    layer = {"style_name": "great-wave", "mask": ["half", 0]}
    prompt = {
        "plain": {"class_type": "EmptyImage", "inputs": photos},
        "half": {"class_type": "SolidMask", "inputs": {"value": 0.5, "width": 64, "height": 48}},
        "layer": {
            "class_type": "BrushworkStyleLayer", "inputs": {**server.defaults("BrushworkStyleLayer"), **layer},
        },
        "load": {
            "class_type": "BrushworkLoadStyleModel",
            "inputs": {"model": f"tiny-{subject.model}.safetensors", "companion": "automatic"},
        },
        "photos": {"class_type": "EmptyImage", "inputs": photos},
        "node": {
            "class_type": node,
            "inputs": {**server.defaults(node), **subject.widgets, **wired(node, mask=mask)},
        },
    }  # fmt: skip
    if alpha:
        prompt["photos"] = {
            "class_type": "JoinImageWithAlpha", "inputs": {"image": ["plain", 0], "alpha": ["half", 0]}
        }  # fmt: skip
    elif listed:
        prompt["photos"] = {"class_type": "RebatchImages", "inputs": {"images": ["plain", 0], "batch_size": 1}}
    shown = ["node", subject.output]
    if GOLDEN[node]["outputs"][0]["type"] == "BRUSHWORK_LAYER":
        painter = "BrushworkAdaINStylize"
        wires = {"style_model": ["load", 0], "image": ["photos", 0], "style_images.style_image0": ["node", 0]}
        prompt["painter"] = {"class_type": painter, "inputs": {**server.defaults(painter), **wires}}
        shown = ["painter", 0]
    if subject.output is not None:
        prompt["shown"] = {"class_type": "PreviewImage", "inputs": {"images": shown}}
    used = {"shown" if subject.output is not None else "node"}
    while True:
        more = {
            value[0] for name in used for value in prompt[name]["inputs"].values() if isinstance(value, list)
        } - used
        if not more:
            return {name: part for name, part in prompt.items() if name in used}
        used |= more


@pytest.mark.parametrize("node", NODES)
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
def test_the_node_works(server, node: str, size: str, batch: int, alpha: bool, mask: bool, listed: bool) -> None:
    width, height = SIZES[size]
    entry, _ = server.run(graph(server, node, width, height, batch=batch, alpha=alpha, mask=mask, listed=listed))
    subject = NODES[node]
    assert entry["status"]["status_str"] == "success", entry.get("error", entry["status"])
    if subject.output is None:
        assert entry["outputs"]["node"]["text"][0]
    elif subject.repaints:
        assert server.sizes(entry["outputs"]["shown"]) == [(width, height)] * batch
    else:
        least = 1 if node == "BrushworkReconstructFeatures" and size == "1x1" else 8  # the photo itself, no sheet
        assert all(min(size) >= least for size in server.sizes(entry["outputs"]["shown"]))


def test_no_node_is_left_out() -> None:
    """Whatever takes pictures or masks is run; the others take a model, or nothing."""
    pictures = {node for node in GOLDEN if any(slot["type"] != "BRUSHWORK_STYLE" for slot in slots(node))}
    assert pictures == set(NODES)
    models = {node for node in GOLDEN if slots(node)} - pictures
    assert models == {"BrushworkSaveStyleModel"}
    sources = {"BrushworkLoadStyleModel", "BrushworkGetStyle", "BrushworkSamplePhoto"}
    assert set(GOLDEN) - pictures - models == sources
