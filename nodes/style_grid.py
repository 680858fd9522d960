"""Style Grid: styles × strengths, or × stroke sizes, of one photo in one labelled picture."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..core.images import shrink_longer_side
from ..core.inference import style_grid as grids
from . import _host, _types
from ._hosted_model import HostedModel
from ._selection import grid_columns


class StyleGrid(io.ComfyNode):
    """Face of core.inference.style_grid."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkStyleGrid",
            display_name="Style Grid (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Paints one photo in several styles and strengths, or stroke sizes, as one labelled picture to choose "
                "from."
            ),
            search_aliases=["contact sheet", "XY plot", "compare styles", "style comparison", "overview"],
            inputs=[
                _types.style_model_input(),
                io.Image.Input("image", tooltip="The photo; of a batch the first."),
                io.String.Input(
                    "styles",
                    default="",
                    tooltip="Names or numbers of styles with commas between, a column for each; empty: all.",
                ),
                io.String.Input(
                    "strengths", default="0.25, 0.5, 0.75, 1", tooltip="A row for each: numbers from 0 to 1."
                ),
                io.Int.Input(
                    "paint_size",
                    default=512,
                    min=32,
                    max=4096,
                    step=8,
                    tooltip="Longer side of the photo while it is painted, in pixels: strokes look as they will there.",
                ),
                io.Int.Input(
                    "cell_size",
                    default=256,
                    min=32,
                    max=2048,
                    step=8,
                    tooltip="Side of a painting in the grid, in pixels.",
                ),
                _types.preserve_color_input(),
                _types.precision_input(),
                io.Image.Input(
                    "style_images",
                    optional=True,
                    tooltip="For any-style models: a batch of style pictures, a column for each.",
                ),
                io.String.Input(
                    "stroke_sizes",
                    default="",
                    optional=True,
                    tooltip=(
                        "A row for each, at full strength, instead of the strengths: numbers from 0.25 to 4, such as "
                        "0.5, 1, 2. Empty: strengths."
                    ),
                ),
            ],
            outputs=[io.Image.Output(display_name="grid", tooltip="The photo, the paintings and their labels.")],
        )

    @classmethod
    def execute(cls, style_model: HostedModel, image: Any, style_images: Any = None, **widgets: Any) -> io.NodeOutput:
        """Paint cell by cell."""
        from ..core.pictures.drawn import from_drawn

        photo = shrink_longer_side(_host.to_core(image[:1]), widgets["paint_size"])
        columns = grid_columns(style_model.model, widgets["styles"], style_images)
        sizes = widgets.get("stroke_sizes", "")
        rows = grids.stroke_rows(grids.numbers(sizes)) if sizes.strip() else None
        rows = rows or grids.value_rows("strength", grids.numbers(widgets["strengths"]))
        bar = _host.Progress(len(columns) * len(rows))

        def show(done: int, total: int, painting: Any) -> None:
            bar(done, total)
            bar.show(done, total, painting)

        sheet = grids.style_grid(
            style_model.stylizer(widgets["precision"], 1, *photo.shape[-2:]),
            photo,
            columns,
            rows,
            cell_px=widgets["cell_size"],
            preserve_color=widgets["preserve_color"],
            progress=show,
        )
        return io.NodeOutput(_host.to_comfy(from_drawn(sheet)))
