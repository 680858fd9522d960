"""Stylize Video: frames painted in order, so that the paint stays on what it was painted on."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..core.inference.video import TemporalOptions
from . import _types
from ._controls import control_inputs, controls_from
from ._film import film_of, paint_film
from ._hosted_model import HostedModel


class StylizeVideo(io.ComfyNode):
    """Face of core.inference.video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkStylizeVideo",
            display_name="Stylize Video (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Repaints the frames of a video without flicker: the last frame's paint moves along with the picture, "
                "scene cuts are found, and styles can change over time."
            ),
            search_aliases=["video style transfer", "temporal consistency", "deflicker", "optical flow", "morph"],
            inputs=[
                _types.style_model_input(),
                io.Image.Input("images", tooltip="The frames, in order: from Get Video Components, or any batch."),
                io.String.Input(
                    "style",
                    default="",
                    tooltip="Name or number of one of the model's styles; empty: the first. Not for any-style models.",
                ),
                _types.strength_input(),
                io.Float.Input(
                    "blend",
                    default=TemporalOptions.blend,
                    min=0.0,
                    max=0.95,
                    step=0.05,
                    display_mode=io.NumberDisplay.slider,
                    tooltip=(
                        "Share of the picture that keeps its paint for the next frame, moved along. 0: every frame "
                        "anew; more: calmer."
                    ),
                ),
                io.Float.Input(
                    "smooth",
                    default=TemporalOptions.smooth,
                    min=0.0,
                    max=0.99,
                    step=0.01,
                    display_mode=io.NumberDisplay.slider,
                    tooltip=("How slowly the painting's overall colour and contrast follow the video. 0: at once."),
                ),
                _types.preserve_color_input(),
                io.String.Input(
                    "keyframes",
                    default="",
                    multiline=True,
                    tooltip=(
                        'Styles and strength over time, as JSON: [{"frame": 0, "style": "A"}, {"time": 2, "mix": '
                        '{"A": 1, "B": 3}, "strength": 0.5}]. Empty: one style.'
                    ),
                ),
                io.Float.Input(
                    "frame_rate",
                    default=24.0,
                    min=0.1,
                    max=240.0,
                    step=0.1,
                    advanced=True,
                    tooltip="Frames a second: what `time` in the keyframes is counted with.",
                ),
                _types.precision_input(),
                io.Image.Input(
                    "style_images",
                    optional=True,
                    tooltip="For any-style models; keyframes call the pictures 0, 1, … in the order of the batch.",
                ),
                _types.mask_input(),
                *control_inputs(places=False),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The painted frames, for Create Video.")],
        )

    @classmethod
    def execute(
        cls,
        style_model: HostedModel,
        images: Any,
        style: str,
        strength: float,
        blend: float,
        smooth: float,
        preserve_color: Any,
        keyframes: str,
        frame_rate: float,
        precision: Any,
        style_images: Any = None,
        mask: Any = None,
        **controls: Any,
    ) -> io.NodeOutput:
        """Paint the film."""
        options = TemporalOptions(blend, smooth)
        painter = film_of(style_model.model, style, style_images, keyframes, frame_rate, strength, preserve_color)
        settings = controls_from(controls)
        return io.NodeOutput(paint_film(style_model, images, painter, options, precision, mask, settings))
