"""Measure Stylization: how good a painting is, in numbers."""

from __future__ import annotations

import json
from typing import Any

from comfy_api.latest import io, ui

from . import _host, _quality, _types


class MeasureStylization(io.ComfyNode):
    """Face of core.metrics."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkMeasureStylization",
            display_name="Measure Stylization (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Measures paintings from any node: how near they are to the style and to the photo, and what the "
                "network left behind: seams, borders, checkerboards, flicker."
            ),
            search_aliases=["quality", "style loss", "content loss", "SSIM", "LPIPS", "metrics", "flicker"],
            inputs=[
                io.Image.Input("painting", tooltip="The paintings: one, a batch, or frames in order."),
                io.Image.Input(
                    "photo", tooltip="What was painted: one for all paintings, or one for each. Scaled to the painting."
                ),
                io.Image.Input("style_image", tooltip="The style, one picture."),
                io.Int.Input(
                    "style_size",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip=(
                        "Scales the style down to this short side in pixels, as the model was trained with it (256 for "
                        "the starters); the style loss depends on it. 0: as it is."
                    ),
                ),
                io.Boolean.Input(
                    "film",
                    default=False,
                    tooltip=(
                        "On: the paintings are frames in order; flicker is measured along the optical flow of the "
                        "photos."
                    ),
                ),
                _quality.encoder_input(),
            ],
            outputs=[
                io.String.Output(display_name="table", tooltip="A line for each painting, and the mean."),
                io.Image.Output(display_name="plot", tooltip="Every number on its axis, a dot for each painting."),
                io.Float.Output(display_name="style", tooltip="Mean: 0 = the style's statistics, 1 = the photo's."),
                io.Float.Output(display_name="content", tooltip="Mean: 0 = the photo, 1 = nothing of it is left."),
                io.String.Output(display_name="json", tooltip="All numbers, for programs."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, painting: Any, photo: Any, style_image: Any, style_size: int, film: bool, encoder: str
    ) -> io.NodeOutput:
        """Measure picture by picture."""
        from ..core.metrics import Flicker, Meter, mean_of
        from ..core.metrics.plot import measurement_plot
        from ..core.metrics.table import measurement_dict, measurement_table
        from ..core.pictures.drawn import from_drawn

        count = _quality.check_counts(painting=painting, photo=photo)
        meter, watched = Meter(_quality.load(encoder, cls.hidden.unique_id)), Flicker()
        style = _quality.picture(style_image, short_side_px=style_size)
        bar, measured = _host.Progress(count), {}
        for index in range(count):
            own, wanted = _quality.picture(painting, index), _quality.picture(photo, index)
            measured[f"{index + 1}"] = meter(own, wanted, style)
            if film:
                watched.add(own, wanted)
            bar(index + 1, count)
        flicker, mean = watched.value if film else None, mean_of(list(measured.values()))
        table = measurement_table(measured, flicker)
        plot = _host.to_comfy(from_drawn(measurement_plot(list(measured.values()))))
        numbers = json.dumps(measurement_dict(measured, flicker), indent=1)
        return io.NodeOutput(table, plot, mean.style, mean.content, numbers, ui=ui.PreviewText(table))
