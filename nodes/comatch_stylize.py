"""CoMatch Stylize: any picture as style, by its Gram matrix."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _types
from ._controls import control_inputs, controls_from
from ._hosted_model import HostedModel
from ._paint import paint
from ._selection import picture_layers, wrong_model

COMATCH = ("comatch", "msg_net")
"""Architectures with this layer."""


class CoMatchStylize(io.ComfyNode):
    """Face of core.inference.Stylizer for CoMatch models, MSG-Net among them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkCoMatchStylize",
            display_name="CoMatch Stylize (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Repaints pictures in the style of any other picture: a CoMatch layer matches their statistics. "
                "Also runs MSG-Net, which is best with pictures like those that it was trained on."
            ),
            search_aliases=["MSG-Net", "CoMatch", "multi-style", "Gram matrix"],
            inputs=[
                _types.style_model_input("A CoMatch model or MSG-Net"),
                _types.image_input(),
                _types.pictures_input(),
                _types.strength_input(),
                _types.preserve_color_input(),
                _types.mask_input(),
                _types.precision_input(),
                *control_inputs(places=True),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The painting, as large as the photo.")],
        )

    @classmethod
    def execute(
        cls,
        style_model: HostedModel,
        image: Any,
        style_images: dict[str, Any],
        strength: float,
        preserve_color: Any,
        precision: Any,
        mask: Any = None,
        **controls: Any,
    ) -> io.NodeOutput:
        """Paint."""
        if style_model.model.spec.architecture not in COMATCH:
            raise wrong_model(style_model.model, "a CoMatch model or MSG-Net")
        painting = paint(
            style_model,
            image,
            picture_layers(style_images),
            strength,
            mask=mask,
            preserve_color=preserve_color,
            precision=precision,
            controls=controls_from(controls),
        )
        return io.NodeOutput(painting)
