"""What the wires and text fields of the nodes mean as a style selection of core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..core.errors import StyleError
from ..core.images import split_alpha
from ..core.inference.style_grid import GridColumn, named_columns
from ..core.mix_pad import pad_weights
from ..core.style_model import StyleLayer, StyleModel
from . import _host

PICTURE_NODES = {
    "adain": "Arbitrary AdaIN Stylize (Brushwork)",
    "microast": "Arbitrary AdaIN Stylize (Brushwork)",
    "comatch": "CoMatch Stylize (Brushwork)",
    "msg_net": "CoMatch Stylize (Brushwork)",
}


def node_for(model: StyleModel) -> str:
    """Display name of the node that paints with this kind of model."""
    if model.style_kind == "image":
        return PICTURE_NODES.get(model.spec.architecture, "Arbitrary AdaIN Stylize (Brushwork)")
    return "Stylize (Brushwork)"


def wrong_model(model: StyleModel, wanted: str) -> StyleError:
    """The message for a model wired into the node of another method."""
    return StyleError(
        f"This node does not paint with {model.spec.title or model.spec.architecture}.",
        expected=wanted,
        got=f"a {model.spec.architecture} model",
        do=f"Use {node_for(model)} for this model, or load another one.",
    )


def style_from_text(text: str, model: StyleModel) -> str | int | None:
    """What a user typed: nothing is the first style, a number an index (from 0), all else a name."""
    text = text.strip()
    if not text or model.spec.index_of(text) is not None:
        return text or None
    try:
        return int(text)
    except ValueError:
        return text


def style_picture(image: Tensor) -> Tensor:
    """IMAGE (B, H, W, C) → (B, 3, H, W). The alpha of a style picture is ignored."""
    return split_alpha(_host.to_core(image))[0]


def as_layer(entry: Any) -> StyleLayer:
    """A wired picture or Style Layer as one layer.

    Raises:
        StyleError: A mix of several.
    """
    if isinstance(entry, tuple):
        raise StyleError(
            "A mix cannot be a corner of another one.",
            expected="a picture, or a Style Layer with one style",
            got=f"{len(entry)} styles on one wire",
            do="Wire the mix into the painting node, beside other layers.",
        )
    return entry if isinstance(entry, StyleLayer) else StyleLayer(style_picture(entry))


def _flat(entries: Mapping[str, Any]) -> list[tuple[str, StyleLayer]]:
    """(slot, layer) of what is wired, in slot order; a mix on one wire is taken apart."""
    return [
        (slot, as_layer(one))
        for slot, entry in entries.items()
        if entry is not None
        for one in (entry if isinstance(entry, tuple) else (entry,))
    ]


def picture_layers(entries: Mapping[str, Any]) -> list[StyleLayer]:
    """Wired pictures and Style Layers, in slot order, as layers of core.

    Raises:
        StyleError: A Style Layer that holds a name instead of a picture, or nothing wired.
    """
    layers = []
    for slot, layer in _flat(entries):
        if not isinstance(layer.style, Tensor):
            raise StyleError(
                f"The Style Layer in `{slot}` has no picture.",
                expected="a Style Layer with an image wired into `style_image`",
                got=f"the style name {layer.style!r}",
                do="Wire a picture into the layer; names are for CIN Style Mix (Brushwork).",
            )
        layers.append(layer)
    if not layers:
        raise StyleError(
            "No style picture is wired.",
            expected="at least one picture in `style_images`",
            got="none",
            do="Wire Load Image into `style_image0`.",
        )
    return layers


CORNER_MARK = "|"
"""Between the names of the pad's corners: no file, and so no style, has it in its name."""


def pad_layers(corners: str, x: float, y: float) -> dict[str, StyleLayer]:
    """The styles of the mix pad at a point, as further entries for `named_layers`; empty without corners."""
    weights = pad_weights([name.strip() for name in corners.split(CORNER_MARK)], x, y) if corners.strip() else {}
    return {f"pad {name}": StyleLayer(name, weight) for name, weight in weights.items()}


def named_layers(entries: Mapping[str, Any], model: StyleModel) -> list[StyleLayer]:
    """Wired Style Layers, in slot order, with the texts read as names or indices of `model`.

    Raises:
        StyleError: A layer that holds a picture, or nothing wired.
    """
    layers = [layer for _, layer in _flat(entries)]
    if not layers:
        raise StyleError(
            "There is no style in the mix.",
            expected="a style in a corner of the mix pad, or a Style Layer (Brushwork) wired into `layers`",
            got="none",
            do="Click a corner of the pad, or wire in a Style Layer (Brushwork) with the name of a style.",
        )
    named = []
    for layer in layers:
        if isinstance(layer.style, Tensor):
            raise StyleError(
                "A Style Layer of this mix holds a picture.",
                expected="the name of a style: " + ", ".join(model.spec.style_names),
                got="a picture",
                do="Type the name in `style_name` and unwire `style_image`, or use an any-style model.",
            )
        style = style_from_text(str(layer.style), model)
        named.append(replace(layer, style=0 if style is None else style))
    return named


def grid_columns(model: StyleModel, names: str, pictures: Tensor | None) -> list[GridColumn]:
    """Columns of a style grid: pictures of an IMAGE batch for any-style models, else styles by name.

    Raises:
        StyleError: An any-style model without pictures, or a name that the model does not have.
    """
    if model.style_kind != "image":
        chosen = (style_from_text(name, model) for name in names.split(","))
        return named_columns(model, [style for style in chosen if style is not None])
    if pictures is None:
        raise StyleError(
            f"{model.spec.title or model.spec.architecture} paints in the style of a picture; none is wired.",
            expected="one or more pictures in `style_images`",
            got="nothing",
            do="Wire Load Image, or a batch of pictures, into `style_images`.",
        )
    return [GridColumn(f"style {row + 1}", style_picture(pictures[row : row + 1])) for row in range(len(pictures))]
