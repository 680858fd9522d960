"""From a batch of frames to a painted batch, in order: the part of Stylize Video that is no schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from ..core.color import ColorMode
from ..core.errors import StyleError
from ..core.inference import NEUTRAL, Controls, Precision, StyleSelection
from ..core.inference.video import FilmPainter, TemporalOptions, VideoStylizer, read_keyframes
from ..core.style_model import StyleLayer, StyleModel
from . import _host
from ._hosted_model import HostedModel
from ._paint import control_rows, rows_of
from ._selection import style_from_text, style_picture


def paint_film(
    hosted: HostedModel,
    images: Tensor,
    painter: Callable[[VideoStylizer], FilmPainter],
    options: TemporalOptions,
    precision: Precision,
    mask: Tensor | None = None,
    controls: Controls = NEUTRAL,
) -> Tensor:
    """Paint frames one after the other; progress, preview, interrupt between frames.

    Args:
        hosted: The model.
        images: (B, H, W, 3 or 4), 0..1: the frames. They stay where they are; one at a time is on the device.
        painter: What to paint with.
        options: What frames know of each other.
        precision: auto | exact | fast.
        mask: MASK, one for all frames or one for each.
        controls: See core/inference/controls.py; masks and palettes in it likewise.

    Returns:
        (B, H, W, 3 or 4), 0..1, where ComfyUI wants pictures between nodes.
    """
    result = _host.empty_image(images)
    batch, height, width, _ = result.shape
    film = painter(VideoStylizer(hosted.stylizer(precision, 1, height, width), options))
    bar = _host.Progress(batch)
    for index in range(batch):
        one = slice(index, index + 1)
        film.mask = None if mask is None else rows_of(mask, one, batch, "masks")
        film.controls = control_rows(controls, one, batch)
        painted = film(_host.to_core(images[one]), index)
        result[one] = _host.to_comfy(painted, beyond_white=controls.encoding == "linear")
        bar.show(index + 1, batch, painted[0])
        bar(index + 1, batch)
    return result


def film_of(
    model: StyleModel, style: str, pictures: Any, keyframes: str, frame_rate: float, strength: float, mode: ColorMode
) -> Callable[[VideoStylizer], FilmPainter]:
    """What the node's fields mean.

    Args:
        model: Of the wire.
        style: Name or number; for a model with named styles.
        pictures: IMAGE batch of style pictures, for an any-style model; the first paints, keyframes call them 0, 1, ….
        keyframes: JSON, or nothing.
        frame_rate: Frames a second, for keyframes by time.
        strength: Where no keyframe says otherwise.
        mode: Whose colours.

    Raises:
        StyleError: An any-style model without a picture, or a keyframe with a picture that is not there.
        ConfigError: Malformed keyframes.
    """
    known = _pictures(model, pictures)
    curve = read_keyframes(keyframes, frame_rate, strength) if keyframes.strip() else None
    first: StyleSelection = known[0] if known else style_from_text(style, model)

    def layers(weights: Mapping[str, float]) -> StyleSelection:
        return [StyleLayer(_style(name, model, known), weight) for name, weight in weights.items()]

    if curve is not None:
        for name in curve.names:
            _style(name, model, known)
    return lambda video: FilmPainter(
        video, first, strength, curve=curve, selection=layers, first=first, preserve_color=mode
    )


def _pictures(model: StyleModel, pictures: Any) -> list[Tensor]:
    if model.style_kind != "image":
        return []
    if pictures is None:
        raise StyleError(
            f"{model.spec.title or model.spec.architecture} paints in the style of a picture; none is wired.",
            expected="a picture in `style_images`",
            got="nothing",
            do="Wire Load Image into `style_images`.",
        )
    return list(style_picture(pictures).split(1))


def _style(name: str, model: StyleModel, known: Sequence[Tensor]) -> str | int | Tensor:
    if not known:
        style = style_from_text(name, model)
        return model.style_index(0 if style is None else style)
    if name.isdecimal() and int(name) < len(known):
        return known[int(name)]
    raise StyleError(
        "A keyframe names a style picture that is not there.",
        expected=f"a number from 0 to {len(known) - 1}: the pictures of `style_images` in their order",
        got=repr(name),
        do="Correct the keyframes, or wire more pictures with Batch Images.",
    )
