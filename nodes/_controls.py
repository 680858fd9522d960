"""The artist's controls as inputs that all painting nodes share, and what core makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from comfy_api.latest import io

from ..core.inference import Controls
from ..core.inference.light import Encoding
from ..core.inference.stroke import LARGEST, SMALLEST
from ..core.inference.wrap import Wrap
from ._selection import style_picture

MAX_REFERENCE_PX = 16384


def control_inputs(*, places: bool) -> list[io.Input]:
    """The inputs, all optional: workflows from before they were there go on as they are.

    Args:
        places: Whether the node takes styles with masks.
    """
    inputs = [
        io.Float.Input(
            "stroke_size",
            default=1.0,
            min=SMALLEST,
            max=LARGEST,
            step=0.05,
            display_mode=io.NumberDisplay.slider,
            optional=True,
            tooltip=(
                "Larger or smaller strokes: the network paints at another size, and the photo's detail is kept. "
                "Below 1 it needs time and memory for the enlarged photo: 16 times as much at 0.25."
            ),
        ),
        _share("color_amount", "How much of what preserve_color names: 0 the style's colours, 1 all of it."),
        io.Mask.Input(
            "strength_map",
            optional=True,
            tooltip=(
                "Strength by place: white full, black the photo, grey between. Unlike mask it works inside the "
                "network where the model can, so that a protected face is painted less instead of shining through."
            ),
        ),
        io.Image.Input(
            "palette",
            optional=True,
            tooltip="Its colours instead of the photo's, with preserve_color histogram, coral, lab or palette.",
        ),
        io.Int.Input(
            "stroke_reference",
            default=0,
            min=0,
            max=MAX_REFERENCE_PX,
            optional=True,
            advanced=True,
            tooltip=(
                "Longer side in pixels of a preview: strokes then grow with the picture, and the final one looks like "
                "a preview of this size. 0: strokes keep their number of pixels."
            ),
        ),
        _share("coarse_strength", "Factor on strength for tones and colours, what is larger than a stroke.", True),
        _share("fine_strength", "Factor on strength for strokes and detail; 0 repaints the tones alone.", True),
        io.Combo.Input(
            "wrap",
            options=list(get_args(Wrap)),
            default="none",
            optional=True,
            advanced=True,
            tooltip=(
                "x, y, both: the painting repeats along these axes without a seam, as a tile. "
                "panorama: a 360° picture, twice as wide as high, with no seam and no spokes at the poles."
            ),
        ),
        io.Combo.Input(
            "encoding",
            options=list(get_args(Encoding)),
            default="srgb",
            optional=True,
            advanced=True,
            tooltip="linear: the image is linear light, as from EXR files; it comes back as light, also beyond white.",
        ),
    ]
    if places:
        inputs.append(
            io.Boolean.Input(
                "region_statistics",
                default=False,
                optional=True,
                advanced=True,
                tooltip=(
                    "With masks of styles: on, each region is painted as if it were a picture of its own; off, as it "
                    "is in a painting of the whole photo."
                ),
            )
        )
    return inputs


def controls_from(inputs: dict[str, Any]) -> Controls:
    """What `control_inputs` gave, some of it or none, as controls of core."""
    values = dict(inputs)
    reference = values.pop("stroke_reference", 0)
    palette = values.pop("palette", None)
    controls = Controls(stroke_reference_px=reference or None, **values)
    return controls if palette is None else replace(controls, palette=style_picture(palette))


def _share(name: str, tooltip: str, advanced: bool = False) -> io.Input:
    return io.Float.Input(
        name,
        default=1.0,
        min=0.0,
        max=1.0,
        step=0.01,
        display_mode=io.NumberDisplay.slider,
        optional=True,
        advanced=advanced,
        tooltip=tooltip,
    )
