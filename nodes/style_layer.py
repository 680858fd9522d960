"""Style Layer: one ingredient of a mix."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..core.inference.corners import average as average_of
from ..core.style_model import StyleLayer as Layer
from . import _types
from ._selection import style_picture


class StyleLayer(io.ComfyNode):
    """Bundles what an autogrowing list can only take as one wire: style, weight, mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkStyleLayer",
            display_name="Style Layer (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "One style of a mix, with its weight and the place where it paints. A name for "
                "CIN Style Mix, or a picture for AdaIN and CoMatch Stylize."
            ),
            search_aliases=["style weight", "style mask", "mix", "regional style"],
            inputs=[
                io.String.Input(
                    "style_name",
                    default="",
                    tooltip=(
                        "Name or number (from 0) of a style of the model; empty: the first. "
                        "Ignored when a picture is wired into style_image."
                    ),
                ),
                io.Float.Input(
                    "weight",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="Share of this style beside the others: 2 and 1 give two thirds and one third.",
                ),
                io.Image.Input(
                    "style_image",
                    optional=True,
                    tooltip="The style as a picture, for any-style models: one, or one for each photo.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where this style paints: white fully, black not at all. Unwired: everywhere.",
                ),
                io.Boolean.Input(
                    "average",
                    default=False,
                    optional=True,
                    tooltip="On: a batch in style_image is one style, the pictures' average. Off: one for each photo.",
                ),
            ],
            outputs=[_types.LayerType.Output(display_name="layer", tooltip="Wire it into a mix.")],
        )

    @classmethod
    def execute(
        cls, style_name: str, weight: float, style_image: Any = None, mask: Any = None, average: bool = False
    ) -> io.NodeOutput:
        """Bundle."""
        style = style_name if style_image is None else style_picture(style_image)
        if average and isinstance(style, Tensor) and len(style) > 1:
            return io.NodeOutput(tuple(average_of(style.split(1), weight, mask)))
        return io.NodeOutput(Layer(style, weight, mask))
