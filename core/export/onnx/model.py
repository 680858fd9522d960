"""A whole model as an ONNX file: pictures in 0..1 in and out, any height, width and batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...checkpoints.native import spec_to_dict
from . import layers
from .graph import Dimension, Graph
from .networks import ENCODE_STYLE, FORWARD

if TYPE_CHECKING:
    from ..plan import ExportPlan

OPSET = 17
"""Read by every onnxruntime since 1.12; ReduceMean still has its axes as an attribute."""

PHOTO: Sequence[Dimension] = ("batch", 3, "height", "width")
PICTURE: Sequence[Dimension] = (1, 3, "style_height", "style_width")
HEADER = "brushwork"
"""In `metadata_props`: the description that a native file has in its header. With it our loader opens the file."""


def model_to_onnx(plan: ExportPlan, version: str) -> bytes:
    """Photo (B, 3, H, W) and the style inputs of the plan → painting (B, 3, H, W), all float32.

    Args:
        plan: From `plan_export`.
        version: Of this program, for the file's header.
    """
    model = plan.model
    g = Graph(model.network)
    photo = g.input("photo", PHOTO)
    style = _style_values(g, plan)
    x = layers.grow_to(g, layers.mirror(g, photo, model.spec.margin), model.network.min_side)
    x = layers.encode(g, model.spec.normalization, x)
    y = FORWARD[model.spec.architecture](g, model.network, x, style)
    y = layers.crop(g, y, layers.size_of(g, photo), model.spec.margin)
    g.output("painting", layers.decode(g, model.spec.normalization, y), PHOTO)
    properties = {"license": model.spec.license, "attribution": model.spec.attribution}
    if g.holds_the_network:  # MicroAST without its style encoder, for one, would not load again
        properties[HEADER] = json.dumps(spec_to_dict(model.spec), separators=(",", ":"))
    return g.to_bytes("brushwork", OPSET, version=version, about=_about(plan), properties=properties)


def encoder_to_onnx(plan: ExportPlan, version: str) -> bytes:
    """Style picture (1, 3, h, w) in 0..1 → the features that a model with the style input `features` takes."""
    model = plan.model
    g = Graph(model.network)
    picture = layers.grow_to(g, g.input("style_picture", PICTURE), model.network.min_side)
    inside = layers.encode(g, model.spec.normalization, picture)
    parts = ENCODE_STYLE[model.spec.architecture](g, model.network, inside)
    for name, part, shape in zip(plan.style_names, parts, feature_shapes(plan), strict=True):
        g.output(name, g.node("Reshape", part, g.constant(list(shape))), shape)
    about = f"Style encoder of {model.spec.title or model.spec.architecture}."
    return g.to_bytes("style_encoder", OPSET, version=version, about=about, properties={})


def feature_shapes(plan: ExportPlan) -> list[tuple[int, ...]]:
    """Shapes of the features, with their leading 1."""
    import torch

    side = max(64, plan.model.network.min_side)
    with torch.no_grad():
        return [tuple(part.shape) for part in plan.encode_style(torch.zeros(1, 3, side, side))]


def _style_values(g: Graph, plan: ExportPlan) -> list[str]:
    """Inputs or constants that the network's forward pass takes as its style."""
    model = plan.model
    if plan.style_input == "weights":
        weights = g.node("Relu", g.input("style_weights", ("style_batch", len(model.spec.styles))))
        return [g.node("Div", weights, g.node("ReduceSum", weights, g.constant([1]), keepdims=1))]
    if plan.style_input == "picture":
        picture = layers.grow_to(g, g.input("style_picture", PICTURE), model.network.min_side)
        inside = layers.encode(g, model.spec.normalization, picture)
        return ENCODE_STYLE[model.spec.architecture](g, model.network, inside)
    if plan.style_input == "features":
        shapes = feature_shapes(plan)
        values = [g.input(name, shape) for name, shape in zip(plan.style_names, shapes, strict=True)]
    else:
        shapes = [tuple(part.shape) for part in plan.features]
        values = [g.constant(part) for part in plan.features]
    axes = g.constant([layers.HEIGHT, layers.WIDTH])
    return [
        g.node("Unsqueeze", value, axes) if len(shape) == 2 else value
        for value, shape in zip(values, shapes, strict=True)
    ]


def _about(plan: ExportPlan) -> str:
    spec = plan.model.spec
    takes = f"Style: {plan.baked}." if plan.style_input == "none" else f"Style input: {', '.join(plan.style_names)}."
    names = f" Styles in order: {', '.join(spec.style_names)}." if plan.style_input == "weights" else ""
    return f"{spec.title or spec.architecture}. RGB in 0..1, in and out. {takes}{names}"
