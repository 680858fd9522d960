"""VideoStylizer: frame after frame, painted so that the paint stays on what it was painted on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...color import ColorMode
from ...images import check_image, resize_image, split_alpha
from ...masks import check_mask, resize_mask
from ...style_model import StyleSelection
from ..controls import NEUTRAL, Controls
from ..light import Light
from ..strength import check_strength
from ..stylizer import Stylizer
from ..wrap import axes_of
from .camera import steadied
from .coats import Coats
from .flow import lucas_kanade_flow
from .raft import cached_raft, load_raft
from .scene_cut import cut_score
from .statistics import SmoothedStatistics
from .temporal import TemporalOptions
from .warp import beyond_borders, confidence, within_borders

FLOW_SIDE_PX = 640
"""Motion is estimated on frames scaled down to this longer side: half a pixel of a 1080p frame is still seen."""
FLOW_MARGIN_PX = 64
"""Of the small frame, that is repeated beyond borders that are none: more than the flow searches."""

FlowFn = Callable[[Tensor, Tensor], Tensor]


class VideoStylizer:
    """Paints frames in order. Two things make them a film:

    1. Instance-norm statistics smoothed over frames (`SmoothedStatistics`).
    2. Paint stays on what it was painted on for some frames (`Coats`): it is moved along the optical flow of the photos
       (`steadied`), where forward and backward flow agree and the photo has not changed (`confidence`).

    A scene cut forgets both.

    Args:
        stylizer: Paints single frames.
        options: How much of each.

    Raises:
        WeightsNotFoundError: `flow` is `raft` and its weights are not here.
    """

    def __init__(self, stylizer: Stylizer, options: TemporalOptions | None = None) -> None:
        self.stylizer = stylizer
        self.options = options or TemporalOptions()
        self.cuts = 0
        """Scene cuts so far."""
        self._statistics = SmoothedStatistics(self.options.smooth)
        self._photo: Tensor | None = None
        self._coats = Coats(1 - self.options.blend)
        self._flow = _choose_flow(self.options.flow, stylizer.device) if self.options.blend else lucas_kanade_flow

    def reset(self) -> None:
        """Forget the past: the next frame is the first of a shot."""
        self._statistics.reset()
        self._coats.reset()
        self._photo = None

    @torch.no_grad()
    def __call__(
        self,
        frame: Tensor,
        style: StyleSelection = None,
        strength: float = 1.0,
        *,
        mask: Tensor | None = None,
        preserve_color: ColorMode = "none",
        controls: Controls = NEUTRAL,
    ) -> Tensor:
        """Paint the next frame.

        Args:
            frame: (1, 3 or 4, H, W), floating point, 0..1, any device. Another size than before is a cut.
            style: As `Stylizer` takes it; may change from frame to frame, slowly or at once.
            strength: 0..1.
            mask: Where to paint, of this frame.
            preserve_color: See core/color.py.
            controls: As `Stylizer` takes them; masks and palettes in it of this frame.

        Returns:
            New tensor of the frame's shape, dtype and device, 0..1.

        Raises:
            ImageError, StyleError, ConfigError: As `Stylizer`.
        """
        if controls.encoding == "linear":
            light = Light(frame)
            shown = replace(controls, encoding="srgb")
            return light.back(
                self(light.shown, style, strength, mask=mask, preserve_color=preserve_color, controls=shown)
            )
        frame = check_image(frame, "frame", channels=(3, 4))
        strength = check_strength(strength)
        if not self.options.active or strength == 0:
            self.reset()
            return self.stylizer(frame, style, strength, mask=mask, preserve_color=preserve_color, controls=controls)
        photo = _small(split_alpha(frame)[0].to(self.stylizer.device, torch.float32))
        before = self._photo
        if before is not None and (before.shape != photo.shape or cut_score(before, photo) > self.options.cut):
            self.cuts += 1
            self.reset()
        axes = axes_of(controls.wrap)
        with self._statistics.frame() if self.options.smooth else contextlib.nullcontext():
            painted = self.stylizer(frame, style, strength, mask=mask, preserve_color=preserve_color, controls=controls)
        if self.options.blend:
            if self._photo is not None:
                self._coats.follow(*self._motion(photo, self._photo, axes), axes)
            amount = _amount(photo, strength, mask, controls.strength_map)
            rgb, _ = split_alpha(painted)
            rgb.copy_(self._coats.over(rgb.to(photo, copy=True), photo, amount, axes))
        self._photo = photo
        return painted

    def _motion(self, now: Tensor, before: Tensor, axes: tuple[bool, bool]) -> tuple[Tensor, Tensor]:
        """Flow from this small frame to the last, in its pixels, and how far to trust it."""
        now, before = (beyond_borders(picture, FLOW_MARGIN_PX, axes) for picture in (now, before))
        back, forth = self._both_ways(now, before)
        rigid = not any(axes)
        steady = steadied(now, before, back, confidence(now, before, back, forth), rigid=rigid)
        forth = steadied(before, now, forth, confidence(before, now, forth, back), rigid=rigid)
        trust = confidence(now, before, steady, forth)
        steady, trust = (within_borders(part, FLOW_MARGIN_PX, axes) for part in (steady, trust))
        return steady, trust

    def _both_ways(self, now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        if now.device.type == "cpu":  # one after the other is as fast and takes half the memory
            return self._flow(now, before), self._flow(before, now)
        back, forth = self._flow(torch.cat([now, before]), torch.cat([before, now])).split(1)
        return back, forth

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next frame depends on, as tensors by name; on the Stylizer's device."""
        state = {f"statistics.{name}": value for name, value in self._statistics.state_dict().items()}
        state |= {f"coats.{name}": value for name, value in self._coats.state_dict().items()}
        state["cuts"] = torch.tensor(self.cuts)
        if self._photo is not None:
            state["photo"] = self._photo
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken: the same frames then give the same paintings."""
        state = {name: value.to(self.stylizer.device) for name, value in state.items()}
        self.cuts = int(state["cuts"])
        self._photo = state.get("photo")
        for prefix, part in (("statistics.", self._statistics), ("coats.", self._coats)):
            own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            part.load_state_dict(own)


def _choose_flow(name: str, device: torch.device) -> FlowFn:
    if name == "raft" or (name == "auto" and device.type != "cpu" and cached_raft() is not None):
        return load_raft(device)
    return lucas_kanade_flow


def _small(frame: Tensor) -> Tensor:
    height, width = frame.shape[-2:]
    ratio = min(1.0, FLOW_SIDE_PX / max(height, width))
    return resize_image(frame, max(1, round(height * ratio)), max(1, round(width * ratio)))


def _amount(photo: Tensor, strength: float, mask: Tensor | None, places: Tensor | None) -> Tensor:
    """How far each place of the small frame is painted, (1, 1, h, w), 0..1."""
    amount = torch.full_like(photo[:, :1], strength)
    if places is not None:
        amount = amount * resize_mask(check_mask(places).to(amount), *photo.shape[-2:])
    if mask is not None:
        amount = amount * resize_mask(check_mask(mask).to(amount), *photo.shape[-2:])
    return amount
