"""Stylizing by rows: the picture that `Stylizer` makes, without photo or painting ever being there as a whole.

The engine reads the photo's rows as often as it needs them. What follows the network works pixel by pixel, some of it
with statistics of the whole painting: then the painting is stored, and measured in passes of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..color import ColorMode, check_color_mode
from ..masks import resize_mask_rows
from ..style_model import StyleSelection
from .controls import NEUTRAL, Controls
from .engine.rows import Rows
from .engine.store import RowSource, RowStore, stored_rows
from .finish import BY_ROWS, Blend, Colours, Exposure, Reach, Step
from .painter import Plan
from .reach import checked, layer_masks
from .strength import Strength, check_strength, has_inner_strength, weaken_code
from .stylizer import StripFn, Stylizer, palette_of


@dataclass(frozen=True)
class Painting:
    """How one picture is painted: the arguments of `Stylizer.__call__`."""

    style: StyleSelection = None
    strength: float = 1.0
    mask: Tensor | None = None
    preserve_color: ColorMode = "none"
    controls: Controls = NEUTRAL


class Stream:
    """One picture on its way through a model.

    Args:
        stylizer: The model.
        height: Of the photo.
        width: Of the photo.
        painting: How it is painted.

    Raises:
        ImageError: A mask or palette that is none.
        StyleError: A style that this model does not have.
        ConfigError: A number out of range, an unknown colour mode.
    """

    def __init__(self, stylizer: Stylizer, height: int, width: int, painting: Painting) -> None:
        self.painter, self.size = stylizer.painter, (height, width)
        controls, mode = painting.controls, check_color_mode(painting.preserve_color)
        self.strength = check_strength(painting.strength) * controls.fine_strength
        self.whole = _only_whole(stylizer, controls, mode)
        """Why this cannot be painted by rows; empty: it can."""
        code, stroke = stylizer.prepare(painting.style, controls, height, width, 1)
        places = None if controls.strength_map is None else checked(controls.strength_map, 1, "strength map")
        palette = None if controls.palette is None else palette_of(controls.palette, mode, 1)
        everywhere = self.strength if places is None else self.strength * places.float()
        self.code = weaken_code(stylizer.model, code, everywhere)
        if not self.whole and stroke != 1:
            self.whole = "the strokes have another size than the model's"

        def strength(first: int, stop: int) -> Strength:
            """By place where there is a map."""
            if isinstance(everywhere, Tensor):
                return resize_mask_rows(everywhere, self.size, first, stop)
            return everywhere

        self.steps: list[Step] = []
        weak = places is not None or self.strength < 1
        if weak:
            self.steps.append(Exposure(strength))
        if mode != "none" and controls.color_amount > 0:
            self.steps.append(Colours(mode, controls.color_amount, palette))
        if weak:
            self.steps.append(Blend(strength, inner=has_inner_strength(stylizer.model)))
        layers = layer_masks(painting.style, 1)
        mask = None if painting.mask is None else checked(painting.mask, 1, "mask")
        if layers or mask is not None:
            self.steps.append(Reach(layers, mask, self.size))

    @property
    def keeps_painting(self) -> bool:
        """Whether `rows` asks for a store."""
        return any(step.measured for step in self.steps) and self.strength > 0

    @torch.no_grad()
    def rows(
        self,
        photo: RowSource,
        plans: list[Plan],
        store: Callable[[], RowStore] | None = None,
        on_strip: StripFn | None = None,
    ) -> Rows:
        """Paint; only where `whole` is empty.

        Args:
            photo: Rows (1, 3 or 4, r, W), 0..1, float32, on the CPU. The fourth channel is carried through.
            plans: Of the painter, for this size.
            store: Makes room for the painting, 3 channels of float32; called where `keeps_painting`.
            on_strip: See `StripFn`.

        Yields:
            (1, 3 or 4, r, W), 0..1, float32, top to bottom.
        """
        if self.strength == 0:
            yield from stored_rows(photo)
            return
        painted: Rows = self.painter.paint_rows(Colour(photo), self.code, plans, on_strip)
        measured = [index for index, step in enumerate(self.steps) if step.measured]
        if measured:
            assert store is not None  # noqa: S101 - `keeps_painting` said so
            kept = store()
            for index in measured:
                first = 0
                for block in painted:
                    if index == measured[0]:
                        kept.write(first, block)
                    rgb = photo.read(first, block.shape[2])[:, :3]
                    self.steps[index].measure(self._finished(block, rgb, first, index), rgb)
                    first += block.shape[2]
                    if on_strip is not None:
                        on_strip(1.0)
                painted = stored_rows(kept)
        first = 0
        for block in painted:
            rows = photo.read(first, block.shape[2])
            done = self._finished(block, rows[:, :3], first, len(self.steps))
            yield torch.cat((done, rows[:, 3:]), 1) if rows.shape[1] == 4 else done
            first += block.shape[2]

    def _finished(self, block: Tensor, photo: Tensor, first: int, steps: int) -> Tensor:
        """After the first steps."""
        for step in self.steps[:steps]:
            block = step.apply(block, photo, first)
        return block


class Colour:
    """The colours of a picture that may have an alpha channel."""

    def __init__(self, rows: RowSource) -> None:
        self.rows, self.height, self.width, self.channels = rows, rows.height, rows.width, 3

    def read(self, first: int, count: int) -> Tensor:
        """(1, 3, r, W)."""
        return self.rows.read(first, count)[:, :3]


def _only_whole(stylizer: Stylizer, controls: Controls, mode: ColorMode) -> str:
    """What of the choices needs the picture as a whole."""
    reasons = {
        "the network runs as a whole there": not stylizer.painter.streams,
        "linear light is measured as a whole": controls.encoding != "srgb",
        "borders that wrap need both sides at once": controls.wrap != "none",
        "tones and strokes have different strengths": controls.coarse_strength != controls.fine_strength,
        f"the colour mode `{mode}` sorts all pixels": mode not in BY_ROWS,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
