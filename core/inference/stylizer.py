"""Stylizer: any photo in, a painting of the same size out. The plain and right path around StyleModel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..color import ColorMode, check_color_mode, preserve_color
from ..color.preserve import check_palette
from ..errors import ConfigError, ImageError
from ..images import check_image, split_alpha
from ..masks import composite
from ..style_model import StyleModel, StyleSelection
from .bands import CROSSOVER_PX, join_bands
from .controls import NEUTRAL, Controls
from .device import Precision, resolve_device, resolve_dtype
from .light import Light
from .painter import Painter
from .panorama import around_borders, without_jumps
from .reach import fit, reach
from .strength import Strength, blend, check_strength, give_exposure, has_inner_strength, weaken_code
from .stroke import octaves, paint_at_stroke_size, relative_stroke
from .stroke_styles import with_stroke_size
from .style_cache import StyleCache
from .wrap import axes_of, bordered

ProgressFn = Callable[[int, int], None]
"""Called with (pictures done, pictures in all) after every picture. What it raises ends the run."""

StripFn = Callable[[float], None]
"""Called after every few rows of every layer with the share of the batch that is done, 0..1; raising ends the run."""

PIXELS_AT_ONCE = 1 << 20
"""Pictures share a forward pass only while they are together no larger than this."""


class Stylizer:
    """Paints photos with one model on one device.

    Args:
        model: Not modified: where device or dtype differ, the Stylizer keeps a converted copy.
        device: `auto` (CUDA, MPS, CPU in this order), a name such as `cuda:1`, or a torch.device.
        precision: `exact`, `fast` or `auto` (core/inference/device.py).
        max_batch: Most pictures in one forward pass; fewer where they are large. None: one on the CPU, where
            batches gain nothing, up to eight elsewhere.
        max_memory: Bytes that a run may take besides photo and painting; larger pictures are painted in more, smaller
            steps, then with files on the disk. None: what the machine can spare.

    Raises:
        ConfigError: A device that is not here, an unknown precision, or max_batch below 1.
    """

    def __init__(
        self,
        model: StyleModel,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        max_batch: int | None = None,
        max_memory: int | None = None,
    ) -> None:
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(precision, self.device, model.dtype)
        self.painter = Painter(model, self.device, self.dtype, max_memory)
        if max_batch is not None and max_batch < 1:
            raise ConfigError(
                "max_batch is out of range.", expected="1 or more", got=repr(max_batch), do="Leave it out."
            )
        self.max_batch = max_batch or (1 if self.device.type == "cpu" else 8)
        self._cache = StyleCache()

    @property
    def model(self) -> StyleModel:
        """The model as it lies on the device."""
        return self.painter.model

    @torch.no_grad()
    def __call__(
        self,
        photo: Tensor,
        style: StyleSelection = None,
        strength: float = 1.0,
        *,
        mask: Tensor | None = None,
        preserve_color: ColorMode = "none",
        controls: Controls = NEUTRAL,
        progress: ProgressFn | None = None,
        on_strip: StripFn | None = None,
    ) -> Tensor:
        """Stylize a batch of pictures.

        Args:
            photo: (B, 3 or 4, H, W), floating point, 0..1, any device, H and W ≥ 1. Values outside 0..1 are
                clamped, unless `controls.encoding` is linear. The fourth channel is alpha and is carried through
                bit for bit; one channel is grey.
            style: Name, index, {name: weight}, or list of `StyleLayer`; for any-style models a picture
                (1 or B, 3, h, w) or a list of `StyleLayer`. None: the first style. Where no layer's mask
                reaches, the photo stays.
            strength: 0 (the photo, bit for bit) to 1 (the painting); see core/inference/strength.py.
            mask: Where to paint: (H, W), (B, H, W) or (B, 1, H, W), soft, any size; None: everywhere.
            preserve_color: Whose colours the painting has, see core/color/preserve.py.
            controls: Everything else that can be set, see core/inference/controls.py.
            progress: See `ProgressFn`.
            on_strip: See `StripFn`.

        Returns:
            New tensor (B, 3 or 4, H, W), finite, 0..1, in the photo's dtype and on its device.

        Raises:
            ImageError: Photo, style picture or mask of the wrong shape or with NaN.
            StyleError: A style that this model does not have, or of a kind it cannot take.
            ConfigError: strength or preserve_color out of range.
        """
        if controls.encoding == "linear":
            light = Light(photo)
            shown = replace(controls, encoding="srgb")
            painting = self(
                light.shown,
                style,
                strength,
                mask=mask,
                preserve_color=preserve_color,
                controls=shown,
                progress=progress,
                on_strip=on_strip,
            )
            return light.back(painting)
        photo = check_image(photo, "photo", channels=(1, 3, 4))
        photo = photo.expand(-1, 3, -1, -1) if photo.shape[1] == 1 else photo
        strength = check_strength(strength)
        mode = check_color_mode(preserve_color)
        batch = photo.shape[0]
        palette = None if controls.palette is None else palette_of(controls.palette, mode, batch)
        code, stroke = self.prepare(style, controls, photo.shape[-2], photo.shape[-1], batch)
        where = reach(style, mask, photo)
        places = None if controls.strength_map is None else fit(controls.strength_map, photo, "strength map")

        result = torch.empty_like(photo, memory_format=torch.contiguous_format).copy_(photo)
        rgb, _ = split_alpha(result)
        if controls.wrap != "none":
            rgb[:] = without_jumps(rgb, controls.wrap)
        step = self._pictures_at_once(*photo.shape[-2:])
        for start in range(0, batch, step):
            rows = slice(start, min(start + step, batch))
            if strength > 0:
                content = rgb[rows]
                here = strength if places is None else strength * _rows_of_mask(places, rows)
                color = (mode, None if palette is None else _rows_of_mask(palette, rows))
                tell = None if on_strip is None else _share_of(on_strip, rows, batch)
                painting = self._paint(content, _rows_of(code, rows), here, color, controls, stroke, tell)
                painting = painting.to(content)
                rgb[rows] = painting if where is None else composite(content, painting, _rows_of_mask(where, rows))
            if progress is not None:
                for done in range(rows.start + 1, rows.stop + 1):
                    progress(done, batch)
        return result

    def prepare(
        self, style: StyleSelection, controls: Controls, height: int, width: int, batch: int
    ) -> tuple[StyleCode | None, float]:
        """What the network is told about a style at full strength, and the stroke size that is left to its resolution.

        Raises:
            ImageError: A style picture or mask of the wrong shape.
            StyleError: A style that this model does not have, or of a kind it cannot take.
        """
        chosen, stroke = with_stroke_size(self.model, style, controls.stroke_size)
        code = self._cache.encode(self.model, chosen, batch)
        if code is not None and controls.region_statistics:
            code = replace(code, regional=True)
        return code, relative_stroke(stroke, controls.stroke_reference_px, height, width)

    def _paint(
        self,
        content: Tensor,
        code: StyleCode | None,
        strength: Strength,
        color: tuple[ColorMode, Tensor | None],
        controls: Controls,
        stroke: float,
        on_strip: StripFn | None,
    ) -> Tensor:
        """(B, 3, H, W) → painting at a strength, float32 or better, on the network's device."""
        work = torch.promote_types(self.dtype, torch.float32)
        photo = content.to(self.device, work)
        strength = strength.to(photo) if isinstance(strength, Tensor) else strength
        inner = has_inner_strength(self.model)
        mode, palette = color
        wanted = photo if palette is None else palette.to(photo)
        bands = {controls.coarse_strength, controls.fine_strength} - {0.0}
        around = self.model.spec.margin
        down, right = (pixels * ends for pixels, ends in zip(around, bordered(controls.wrap), strict=True))
        runs, done = len(bands) * (len(octaves(stroke)) if stroke > 1 else 1), 0

        def run(picture: Tensor, style: StyleCode | None) -> Tensor:
            """The network, here and nowhere else."""
            nonlocal done
            tell = None if on_strip is None else _share_of(on_strip, slice(done, done + 1), runs)
            painting = self.painter.paint(picture, style, tell, (down, right))
            done += 1
            return painting

        network = around_borders(run, controls.wrap)

        def paint(factor: float) -> Tensor:
            if factor == 0:
                return photo
            own = strength * factor
            weak = weaken_code(self.model, code, own)
            painting = paint_at_stroke_size(network, photo, weak, stroke, wrap=axes_of(controls.wrap))
            painting = preserve_color(give_exposure(painting, photo, own), wanted, mode, controls.color_amount)
            return blend(photo, painting, own, inner=inner)

        fine = paint(controls.fine_strength)
        if controls.coarse_strength == controls.fine_strength:
            return fine
        return join_bands(paint(controls.coarse_strength), fine, CROSSOVER_PX * max(1, stroke))

    def bytes_needed(self, pictures: int, height: int, width: int) -> int:
        """Memory that painting so many pictures of this size takes, besides themselves and the paintings."""
        return self.painter.bytes_needed(height, width, min(pictures, self._pictures_at_once(height, width)))

    def _pictures_at_once(self, height: int, width: int) -> int:
        return max(1, min(self.max_batch, PIXELS_AT_ONCE // (height * width)))


def palette_of(palette: Tensor, mode: ColorMode, batch: int) -> Tensor:
    """The checked palette picture of a run: (1 or B, 3, h, w)."""
    check_palette(mode)
    palette, _ = split_alpha(check_image(palette, "palette", channels=(3, 4)))
    if len(palette) not in (1, batch):
        raise ImageError(
            "The palette pictures do not fit the batch.",
            expected=f"1 or {batch} palette pictures",
            got=str(len(palette)),
            do="Give one palette for all pictures, or one for each.",
        )
    return palette


def _share_of(on_strip: StripFn, rows: slice, batch: int) -> StripFn:
    """The share of a batch, from that of some of its pictures."""
    return lambda share: on_strip((rows.start + share * (rows.stop - rows.start)) / batch)


def _rows_of_mask(mask: Tensor, rows: slice) -> Tensor:
    """The masks of some pictures of the batch; one for all stays."""
    return mask if len(mask) == 1 else mask[rows]


def _rows_of(code: StyleCode | None, rows: slice) -> StyleCode | None:
    """The part of a code for some pictures of the batch, without features that none of them uses."""
    if code is None or len(code.weights) == 1:
        return code
    weights = code.weights[rows]
    if not code.features:
        return replace(code, weights=weights)
    used = weights.flatten(2).amax((0, 2)) > 0 if weights.ndim == 4 else weights.amax(0) > 0
    return replace(code, weights=weights[:, used], features=tuple(part[used] for part in code.features))
