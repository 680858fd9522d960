"""Reconstruct Features: what a layer of the loss network keeps of a picture, and the best painting it knows."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io

from . import _host, _quality, _types

LAYERS = [f"relu{block}_{index}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for index in range(1, count + 1)]
MODES = ("feature", "style", "best painting")


class ReconstructFeatures(io.ComfyNode):
    """Face of core.reconstruction."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkReconstructFeatures",
            display_name="Reconstruct Features (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Optimises pixels, from noise, until a layer of the loss network cannot tell them from a picture: what "
                "the layer keeps of it. Or paints a photo by optimisation, the slow method of 2015, as the best that "
                "a fast network could do."
            ),
            search_aliases=["Gatys", "optimization", "neural style", "feature inversion", "VGG", "texture synthesis"],
            inputs=[
                io.Image.Input("image", tooltip="The picture whose layers are asked, or the photo to paint."),
                io.Combo.Input(
                    "keep",
                    options=list(MODES),
                    default="feature",
                    tooltip=(
                        "feature: the layer's features, where what is. style: their Gram matrix, a texture. "
                        "best painting: the least style loss at a content loss; needs style_image."
                    ),
                ),
                io.Combo.Input(
                    "layer",
                    options=LAYERS,
                    default="relu3_3",
                    tooltip="Deeper layers know more of things and less of pixels. compact has none after relu5_1.",
                ),
                io.Int.Input(
                    "steps", default=200, min=1, max=5000, tooltip="Gradient steps; a few hundred are enough for most."
                ),
                io.Int.Input(
                    "size",
                    default=256,
                    min=32,
                    max=2048,
                    step=8,
                    tooltip="The picture is scaled down to this short side in pixels. Time grows with its square.",
                ),
                io.Float.Input(
                    "content",
                    default=0.7,
                    min=0.05,
                    max=3.0,
                    step=0.05,
                    tooltip="For best painting: how far from the photo, as Measure Stylization counts.",
                ),
                io.Float.Input(
                    "smoothness",
                    default=0.02,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    advanced=True,
                    tooltip="For feature and style: weight of total variation. 0 lets grain stand that no layer sees.",
                ),
                io.Int.Input(
                    "start_seed", default=0, min=0, max=2**31 - 1, advanced=True, tooltip="Of the noise at the start."
                ),
                _quality.encoder_input(),
                io.Image.Input(
                    "style_image", optional=True, tooltip="For best painting: its style, at the scale of its strokes."
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="What was found."),
                io.Image.Output(display_name="loss_curve", tooltip="Losses over the steps; the axis is logarithmic."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, image: Any, style_image: Any = None, **widgets: Any) -> io.NodeOutput:
        """Optimise the first picture of the batch."""
        from ..core.pictures.drawn import from_drawn
        from ..core.reconstruction import CeilingOptions, ReconstructionOptions, best_painting, reconstruct
        from ..trainers.loss_curve import loss_curve

        encoder = _quality.load(widgets["encoder"], cls.hidden.unique_id)
        picture, steps = _quality.picture(image, short_side_px=widgets["size"]), widgets["steps"]
        bar = _host.Progress(steps)

        def show(done: int, total: int, now: torch.Tensor) -> None:
            bar(done, total)
            bar.show(done, total, now)

        if widgets["keep"] == "best painting":
            style = _quality.style_or_error(style_image)
            painted = best_painting(encoder, picture, style, CeilingOptions(widgets["content"], steps), show)
        else:
            options = ReconstructionOptions(
                (widgets["layer"],), widgets["keep"], steps, "lbfgs", widgets["smoothness"], widgets["start_seed"]
            )
            painted = reconstruct(encoder, picture, options, show)
        curve = loss_curve([{"step": step, **terms} for step, terms in enumerate(painted.history)])
        return io.NodeOutput(_host.to_comfy(painted.image), _host.to_comfy(from_drawn(curve)))
