"""Arbitrary AdaIN Stylize: any picture as style."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _types
from ._controls import control_inputs, controls_from
from ._hosted_model import HostedModel
from ._paint import paint
from ._selection import picture_layers, wrong_model


class AdaINStylize(io.ComfyNode):
    """Face of core.inference.Stylizer for any-style models."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkAdaINStylize",
            display_name="Arbitrary AdaIN Stylize (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Repaints pictures in the style of any other picture, or of a mix of several, "
                "by adaptive instance normalization. Also runs MicroAST and other any-style models."
            ),
            search_aliases=[
                "AdaIN",
                "arbitrary style transfer",
                "style image",
                "MicroAST",
                "reference style",
            ],
            inputs=[
                _types.style_model_input("An any-style model (AdaIN, MicroAST)"),
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
        if style_model.model.style_kind != "image":
            raise wrong_model(style_model.model, "an any-style model: AdaIN, MicroAST, CoMatch")
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
