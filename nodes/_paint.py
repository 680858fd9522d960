"""From IMAGE to IMAGE: the part that all painting nodes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from ..core.color import ColorMode
from ..core.errors import ImageError
from ..core.inference import NEUTRAL, Controls, Precision, StyleSelection, Stylizer
from ..core.style_model import StyleLayer
from . import _host
from ._hosted_model import HostedModel


def paint(
    hosted: HostedModel,
    image: Tensor,
    style: StyleSelection,
    strength: float,
    *,
    mask: Tensor | None = None,
    preserve_color: ColorMode = "none",
    precision: Precision = "auto",
    bar: _host.Shown | None = None,
    controls: Controls = NEUTRAL,
) -> Tensor:
    """Stylize an IMAGE batch: progress, preview, interrupt between pictures, one retry when memory runs out.

    Args:
        hosted: The model.
        image: (B, H, W, 3 or 4), 0..1; frames of a video are one batch. Stays where it is: only a few
            pictures at a time go to the device.
        style: As `Stylizer` takes it.
        strength: 0..1.
        mask: MASK of any size, 1 or B.
        preserve_color: See core/color/preserve.py.
        precision: auto | exact | fast.
        bar: Where progress is shown; None: a bar of this batch on the running node.
        controls: See core/inference/controls.py.

    Returns:
        (B, H, W, 3 or 4), 0..1, where ComfyUI wants pictures between nodes.
    """
    result = _host.empty_image(image)
    batch, height, width, _ = result.shape
    stylizer = hosted.stylizer(precision, batch, height, width)
    bar = bar or _host.Progress(batch)
    for start in range(0, batch, stylizer.max_batch):
        rows = slice(start, min(start + stylizer.max_batch, batch))

        def run(stylizer: Stylizer, rows: slice = rows) -> Tensor:
            return stylizer(
                _host.to_core(image[rows]),
                _style_rows(style, rows, batch),
                strength,
                mask=None if mask is None else rows_of(mask, rows, batch, "masks"),
                preserve_color=preserve_color,
                controls=control_rows(controls, rows, batch),
                progress=lambda done, _: bar(rows.start + done, batch),
                on_strip=lambda share: bar.part(rows.start + share * (rows.stop - rows.start), batch),
            )

        try:
            painted = run(stylizer)
        except Exception as error:
            if not _host.is_out_of_memory(error):
                raise
            painted = None
        if painted is None:  # outside `except`, whose traceback would keep the failed run's tensors alive
            _host.log.warning("out of memory: all models leave the device, then once more, one picture at a time")
            _host.free_device()
            painted = _once_more(hosted.stylizer(precision, 1, height, width), run, f"{width}×{height}")
        result[rows] = _host.to_comfy(painted, beyond_white=controls.encoding == "linear")
        bar.show(rows.stop, batch, painted[-1])
    return result


def _once_more(stylizer: Stylizer, run: Callable[[Stylizer], Tensor], size: str) -> Tensor:
    """Run again, one picture at a time; the Stylizer stays so, since this device is small for its pictures."""
    stylizer.max_batch = 1
    try:
        return run(stylizer)
    except Exception as error:
        if not _host.is_out_of_memory(error):
            raise
        raise _host.out_of_memory(size) from error


def _style_rows(style: StyleSelection, rows: slice, batch: int) -> StyleSelection:
    """The part of a selection that belongs to some pictures of the batch."""
    if isinstance(style, Tensor):
        return rows_of(style, rows, batch, "style pictures")
    if isinstance(style, Sequence) and not isinstance(style, str):
        return [_layer_rows(layer, rows, batch) for layer in style]
    return style


def control_rows(controls: Controls, rows: slice, batch: int) -> Controls:
    """The part of the controls that belongs to some pictures of the batch."""
    places, palette = controls.strength_map, controls.palette
    if places is not None:
        places = rows_of(places, rows, batch, "strength maps")
    if palette is not None:
        palette = rows_of(palette, rows, batch, "palettes")
    return replace(controls, strength_map=places, palette=palette)


def _layer_rows(layer: StyleLayer, rows: slice, batch: int) -> StyleLayer:
    style = layer.style
    if isinstance(style, Tensor):
        style = rows_of(style, rows, batch, "style pictures")
    mask = None if layer.mask is None else rows_of(layer.mask, rows, batch, "masks of a style")
    return replace(layer, style=style, mask=mask)


def rows_of(value: Tensor, rows: slice, batch: int, name: str) -> Tensor:
    """Slice what there is one of for each picture; what there is one of for all stays.

    Raises:
        ImageError: There is another number of them. Core cannot see that: it gets a part of the batch only.
    """
    if value.ndim == 2 or len(value) == 1:
        return value
    if len(value) != batch:
        raise ImageError(
            f"The number of {name} does not fit the batch.",
            expected=f"1 or {batch}, as many as there are pictures in `image`",
            got=str(len(value)),
            do="Wire one for all pictures, or one for each.",
        )
    return value[rows]
