"""Stylize: repaint pictures with a model whose styles are in its weights."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _types
from ._controls import control_inputs, controls_from
from ._hosted_model import HostedModel
from ._paint import paint
from ._selection import style_from_text, wrong_model


class Stylize(io.ComfyNode):
    """Face of core.inference.Stylizer for one style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkStylize",
            display_name="Stylize (Brushwork)",
            category=_types.CATEGORY,
            description="Repaints pictures with a trained feed-forward style network, one style at a time.",
            search_aliases=[
                "style transfer",
                "fast neural style",
                "painting",
                "NST",
                "TransformerNet",
                "CIN",
            ],
            inputs=[
                _types.style_model_input("A model with named styles"),
                _types.image_input(),
                io.String.Input(
                    "style",
                    default="",
                    tooltip=(
                        "Name or number (from 0) of one of the model's styles; empty: the first. "
                        "Load Style Model lists the names: wire its style_names here to paint every style."
                    ),
                ),
                _types.strength_input(),
                _types.preserve_color_input(),
                _types.mask_input(),
                _types.precision_input(),
                *control_inputs(places=False),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The painting, as large as the photo.")],
        )

    @classmethod
    def execute(
        cls,
        style_model: HostedModel,
        image: Any,
        style: str,
        strength: float,
        preserve_color: Any,
        precision: Any,
        mask: Any = None,
        **controls: Any,
    ) -> io.NodeOutput:
        """Paint."""
        model = style_model.model
        if model.style_kind == "image":
            raise wrong_model(model, "a model with its styles in the weights")
        painting = paint(
            style_model,
            image,
            style_from_text(style, model),
            strength,
            mask=mask,
            preserve_color=preserve_color,
            precision=precision,
            controls=controls_from(controls),
        )
        return io.NodeOutput(painting)
