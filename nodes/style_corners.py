"""Style Corners: four styles in the corners of a square, and the mix at a place in it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..core.inference.corners import corner_mix
from . import _types
from ._selection import as_layer

CORNERS = {
    "top_left": "Upper left",
    "top_right": "Upper right",
    "bottom_left": "Lower left",
    "bottom_right": "Lower right",
}


class StyleCorners(io.ComfyNode):
    """Face of core.inference.corners.corner_mix."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        corners = [
            io.MultiType.Input(
                name,
                [io.Image, _types.LayerType],
                tooltip=f"{where} style: a picture for any-style models, or a Style Layer (Brushwork).",
            )
            for name, where in CORNERS.items()
        ]
        place = [
            io.Float.Input(
                name,
                default=0.5,
                min=0.0,
                max=1.0,
                step=0.01,
                display_mode=io.NumberDisplay.slider,
                tooltip=tooltip,
            )
            for name, tooltip in (("x", "0 is left, 1 right."), ("y", "0 is above, 1 below."))
        ]
        return io.Schema(
            node_id="BrushworkStyleCorners",
            display_name="Style Corners (Brushwork)",
            category=_types.CATEGORY,
            description="Mixes four styles by a place in the square between them, for any of the mixing nodes.",
            search_aliases=["XY mix", "style interpolation", "four styles", "blend styles"],
            inputs=[*corners, *place],
            outputs=[_types.LayerType.Output(display_name="layer", tooltip="Wire it into a mix, like a layer.")],
        )

    @classmethod
    def execute(
        cls, top_left: Any, top_right: Any, bottom_left: Any, bottom_right: Any, x: float, y: float
    ) -> io.NodeOutput:
        """Weigh."""
        corners = [as_layer(entry) for entry in (top_left, top_right, bottom_left, bottom_right)]
        return io.NodeOutput(tuple(corner_mix(corners, x, y)))
