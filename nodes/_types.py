"""Wire types and the inputs that several nodes share, so that their words and ranges never drift apart."""

from __future__ import annotations

from typing import get_args

from comfy_api.latest import io

from ..core.color import ColorMode
from ..core.inference import Precision

CATEGORY = "image/style transfer"

StyleModelType = io.Custom("BRUSHWORK_STYLE")
"""Carries a `HostedModel`."""

LayerType = io.Custom("BRUSHWORK_LAYER")
"""Carries a `StyleLayer`, or a tuple of several that belong together."""

MAX_LAYERS = 16


def style_model_input(what: str = "Any style model") -> io.Input:
    """The model that paints."""
    return StyleModelType.Input("style_model", tooltip=f"{what}, from Load Style Model (Brushwork).")


def image_input() -> io.Input:
    """The photos."""
    return io.Image.Input(
        "image",
        tooltip="The photo to repaint: any size, a batch or the frames of a video. An alpha channel is kept.",
    )


def strength_input() -> io.Input:
    """From the photo to the painting."""
    return io.Float.Input(
        "strength",
        default=1.0,
        min=0.0,
        max=1.0,
        step=0.01,
        display_mode=io.NumberDisplay.slider,
        tooltip="0 is the photo, 1 the full painting. Changing it does not load the model again.",
    )


def preserve_color_input() -> io.Input:
    """Whose colours the result has."""
    return io.Combo.Input(
        "preserve_color",
        options=list(get_args(ColorMode)),
        default="none",
        tooltip=(
            "none: the style's colours. luminance: the photo's colours under the painting's light and dark. "
            "histogram: each colour channel distributed as in the photo. "
            "coral: the photo's mean colour and spread, softer than histogram. "
            "keep: the photo's colours exactly (CIELAB), under the painting's lightness. "
            "lab: mean and spread of lightness and of both colour axes. palette: only colours that the photo has."
        ),
    )


def mask_input() -> io.Input:
    """Where to paint."""
    return io.Mask.Input(
        "mask",
        optional=True,
        tooltip="Where to paint: white is painted, black stays the photo, grey is between. Any size.",
    )


def precision_input() -> io.Input:
    """Number format of the convolutions."""
    return io.Combo.Input(
        "precision",
        options=list(get_args(Precision)),
        default="auto",
        advanced=True,
        tooltip=(
            "exact computes in 32 bits. fast computes in 16 bits where the processor can, with less memory and "
            "differences the eye does not see. auto is fast on NVIDIA cards and exact elsewhere."
        ),
    )


def pictures_input() -> io.Input:
    """One or more style pictures, each an IMAGE or a Style Layer around one."""
    one = io.MultiType.Input(
        "style_image",
        [io.Image, LayerType],
        tooltip=(
            "A picture whose style is wanted, straight from Load Image, or a Style Layer (Brushwork) "
            "that gives it a weight or a mask. A new slot appears when this one is wired."
        ),
    )
    return io.Autogrow.Input(
        "style_images",
        template=io.Autogrow.TemplatePrefix(one, prefix="style_image", min=1, max=MAX_LAYERS),
        tooltip="The pictures whose styles are mixed. Plain pictures weigh 1.",
    )
