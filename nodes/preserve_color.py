"""Preserve Color: give a painting the colours of its photo."""

from __future__ import annotations

from typing import Any, get_args

import torch
from comfy_api.latest import io

from ..core.color import ColorMode, preserve_color
from ..core.color.preserve import POINT_BY_POINT
from ..core.errors import ImageError
from ..core.images import resize_image, split_alpha
from . import _host, _types


class PreserveColor(io.ComfyNode):
    """Face of core.color.preserve_color."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkPreserveColor",
            display_name="Preserve Color (Brushwork)",
            category=_types.CATEGORY,
            description="Gives a painting, from Brushwork or any other node, the colours of another picture.",
            search_aliases=["color transfer", "match colors", "luminance", "CORAL", "histogram matching"],
            inputs=[
                io.Image.Input("painting", tooltip="The picture whose strokes stay. Alpha is kept."),
                io.Image.Input(
                    "original",
                    tooltip="The picture whose colours are wanted: one, or one for each painting. Any size.",
                ),
                io.Combo.Input(
                    "method",
                    options=[mode for mode in get_args(ColorMode) if mode != "none"],
                    default="luminance",
                    tooltip=(
                        "luminance: the original's colours, point by point, under the painting's light and "
                        "dark. histogram: each colour channel distributed as in the original. "
                        "coral: the original's mean colour and spread, softer than histogram. keep: the "
                        "original's colours exactly (CIELAB), under the painting's lightness. lab: mean and spread "
                        "of lightness and of both colour axes. palette: only colours that the original has."
                    ),
                ),
                io.Float.Input(
                    "amount",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="0 keeps the painting's colours, 1 takes the original's.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The recoloured painting.")],
        )

    @classmethod
    def execute(cls, painting: Any, original: Any, method: ColorMode, amount: float) -> io.NodeOutput:
        """Recolour picture by picture."""
        batch = len(painting)
        if len(original) not in (1, batch):
            raise ImageError(
                "The originals do not fit the paintings.",
                expected=f"1 or {batch} pictures in `original`",
                got=str(len(original)),
                do="Wire one original for all paintings, or one for each.",
            )
        device = _host.torch_device()
        bar = _host.Progress(batch)
        result = _host.empty_image(painting)
        for row in range(batch):
            strokes, alpha = split_alpha(_host.to_core(painting[row : row + 1]).to(device))
            wanted = split_alpha(_host.to_core(original[row % len(original)][None]).to(device))[0]
            if method in POINT_BY_POINT:
                wanted = resize_image(wanted, *strokes.shape[-2:])
            recolored = preserve_color(strokes, wanted, method, amount)
            recolored = recolored if alpha is None else torch.cat((recolored, alpha), 1)
            result[row : row + 1] = _host.to_comfy(recolored)
            bar(row + 1, batch)
        return io.NodeOutput(result)
