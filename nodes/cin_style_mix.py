"""CIN Style Mix: several styles of one conditional model, by weight and by place."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _types
from ._controls import control_inputs, controls_from
from ._hosted_model import HostedModel
from ._paint import paint
from ._selection import named_layers, pad_layers, wrong_model


class CINStyleMix(io.ComfyNode):
    """Face of core.inference.Stylizer for mixes of γ and β."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        layer = _types.LayerType.Input(
            "layer",
            tooltip=(
                "A Style Layer (Brushwork): a style's name, its weight, and optionally a mask. "
                "A new slot appears when this one is wired."
            ),
        )
        return io.Schema(
            node_id="BrushworkCINStyleMix",
            display_name="CIN Style Mix (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Mixes several styles of one conditional-instance-normalization model: on a pad with four corners, "
                "by weight, or each in its own mask. The mix is made inside the network, not by blending pictures."
            ),
            search_aliases=[
                "style mixing",
                "conditional instance normalization",
                "blend styles",
                "regional style",
            ],
            inputs=[
                _types.style_model_input("A model with several named styles (CIN)"),
                _types.image_input(),
                io.Autogrow.Input(
                    "layers",
                    template=io.Autogrow.TemplatePrefix(layer, prefix="layer", min=0, max=_types.MAX_LAYERS),
                    tooltip="Styles of the mix, beside those of the pad. Weights need not sum to 1.",
                ),
                _types.strength_input(),
                _types.preserve_color_input(),
                _types.mask_input(),
                _types.precision_input(),
                io.String.Input(
                    "corners",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Styles in the corners of the mix pad, separated by |: top left, top right, bottom left, "
                        "bottom right. Empty: only the wired layers are mixed."
                    ),
                ),
                _pad_input("pad_x", "Point of the mix pad: 0 is left, 1 is right."),
                _pad_input("pad_y", "Point of the mix pad: 0 is the top, 1 the bottom."),
                *control_inputs(places=True),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The painting, as large as the photo.")],
        )

    @classmethod
    def execute(
        cls,
        style_model: HostedModel,
        image: Any,
        layers: dict[str, Any] | None,
        strength: float,
        preserve_color: Any,
        precision: Any,
        mask: Any = None,
        corners: str = "",
        pad_x: float = 0.5,
        pad_y: float = 0.5,
        **controls: Any,
    ) -> io.NodeOutput:
        """Paint."""
        if style_model.model.style_kind != "conditional":
            raise wrong_model(style_model.model, "a model with several named styles (CIN)")
        entries = {**(layers or {}), **pad_layers(corners, pad_x, pad_y)}
        painting = paint(
            style_model,
            image,
            named_layers(entries, style_model.model),
            strength,
            mask=mask,
            preserve_color=preserve_color,
            precision=precision,
            controls=controls_from(controls),
        )
        return io.NodeOutput(painting)


def _pad_input(name: str, tooltip: str) -> io.Input:
    return io.Float.Input(name, default=0.5, min=0.0, max=1.0, step=0.01, optional=True, advanced=True, tooltip=tooltip)
