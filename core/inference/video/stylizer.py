"""VideoStylizer: frame after frame, painted so that the paint stays on what it was painted on."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...color import ColorMode
from ...images import check_image, resize_image, split_alpha
from ...masks import check_mask, resize_mask
from ...style_model import StyleSelection
from ..controls import NEUTRAL, Controls
from ..light import Light
from ..periodic import periodic_resize
from ..strength import Strength, blend_weight, check_strength
from ..stroke import Paint
from ..stylizer import Stylizer
from ..wrap import axes_of
from .anchor import Anchor
from .blend import REACH, blend_paint
from .flow import lucas_kanade_flow
from .raft import cached_raft, load_raft
from .scene_cut import cut_score
from .statistics import SmoothedStatistics
from .temporal import TemporalOptions
from .warp import beyond_borders, confidence, resize_flow, warp, within_borders

FLOW_SIDE_PX = 640
"""Motion is estimated on frames scaled down to this longer side: half a pixel of a 1080p frame is still seen."""
FLOW_MARGIN_PX = 64
"""Of the small frame, that is repeated beyond borders that are none: more than the flow searches."""

FlowFn = Callable[[Tensor, Tensor], Tensor]


class VideoStylizer:
    """Paints frames in order. Three things make them a film:

    1. Instance-norm statistics smoothed over frames (`SmoothedStatistics`).
    2. The last painting, moved along the optical flow of the photos, is mixed into the new one where forward and
       backward flow agree and the photo has not changed (`confidence`), band by band (`blend_paint`).
    3. The network's grid of cells travels with the camera (`Anchor`).

    A scene cut forgets all of it.

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
        self._painting: Tensor | None = None
        self._anchor = Anchor()
        self._flow = _choose_flow(self.options.flow, stylizer.device) if self.options.blend else lucas_kanade_flow

    def reset(self) -> None:
        """Forget the past: the next frame is the first of a shot."""
        self._statistics.reset()
        self._anchor.reset()
        self._photo = self._painting = None

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
        height, width = frame.shape[-2:]
        motion = self._motion(photo, height, width, axes) if self.options.blend else None
        painted = self._paint(frame, style, strength, mask, preserve_color, controls)
        if self.options.blend:
            rgb, _ = split_alpha(painted)
            if motion is not None and self._painting is not None:
                back, trust = motion
                here: Strength = strength
                if controls.strength_map is not None:
                    here = strength * resize_mask(check_mask(controls.strength_map).to(trust), *frame.shape[-2:])
                share = trust * (self.options.blend * blend_weight(here, inner=True))
                if mask is not None:
                    share = share * resize_mask(check_mask(mask).to(share), *frame.shape[-2:])
                rgb.copy_(_moved_along(rgb.to(self._painting), self._painting, back, share, axes))
            self._painting = rgb.to(self.stylizer.device, torch.float32, copy=True)
        self._photo = photo
        return painted

    def _motion(self, photo: Tensor, height: int, width: int, axes: tuple[bool, bool]) -> tuple[Tensor, Tensor] | None:
        """Flow from this frame to the last and how far to trust it, at full size; None in the first frame of a shot."""
        if self._photo is None:
            return None
        now, before = (beyond_borders(picture, FLOW_MARGIN_PX, axes) for picture in (photo, self._photo))
        back, forth = self._both_ways(now, before)
        trust = confidence(now, before, back, forth)
        back, trust = (within_borders(part, FLOW_MARGIN_PX, axes) for part in (back, trust))
        if any(axes):
            trust = periodic_resize(trust, height, width, wrap=axes).clamp(0, 1)
        else:
            trust = F.interpolate(trust, (height, width), mode="bilinear", align_corners=False)
        back = resize_flow(back, height, width, wrap=axes)
        self._anchor.follow(back, trust)
        return back, trust

    def _both_ways(self, now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        if now.device.type == "cpu":  # one after the other is as fast and takes half the memory
            return self._flow(now, before), self._flow(before, now)
        back, forth = self._flow(torch.cat([now, before]), torch.cat([before, now])).split(1)
        return back, forth

    def _paint(
        self,
        frame: Tensor,
        style: StyleSelection,
        strength: float,
        mask: Tensor | None,
        preserve_color: ColorMode,
        controls: Controls,
    ) -> Tensor:
        """One frame, its statistics smoothed, the network's grid where the anchor wants it."""
        height, width = frame.shape[-2:]

        def anchored(network: Paint) -> Paint:
            return self._anchor.around(network, height, width, controls.wrap)

        with self._statistics.frame() if self.options.smooth else contextlib.nullcontext():
            return self.stylizer(
                frame,
                style,
                strength,
                mask=mask,
                preserve_color=preserve_color,
                controls=controls,
                around=anchored if self.options.blend else None,
            )

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next frame depends on, as tensors by name; on the Stylizer's device."""
        state = {f"statistics.{name}": value for name, value in self._statistics.state_dict().items()}
        state |= {"cuts": torch.tensor(self.cuts), "position": self._anchor.position}
        if self._photo is not None:
            state["photo"] = self._photo
        if self._painting is not None:
            state["painting"] = self._painting
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken: the same frames then give the same paintings."""
        device = self.stylizer.device
        self.cuts = int(state["cuts"])
        self._anchor.position = state["position"].cpu()
        self._photo, self._painting = (
            state[name].to(device) if name in state else None for name in ("photo", "painting")
        )
        prefix = "statistics."
        self._statistics.load_state_dict(
            {name.removeprefix(prefix): value.to(device) for name, value in state.items() if name.startswith(prefix)}
        )


def _choose_flow(name: str, device: torch.device) -> FlowFn:
    if name == "raft" or (name == "auto" and device.type != "cpu" and cached_raft() is not None):
        return load_raft(device)
    return lucas_kanade_flow


def _small(frame: Tensor) -> Tensor:
    height, width = frame.shape[-2:]
    ratio = min(1.0, FLOW_SIDE_PX / max(height, width))
    return resize_image(frame, max(1, round(height * ratio)), max(1, round(width * ratio)))


def _moved_along(fresh: Tensor, before: Tensor, back: Tensor, share: Tensor, axes: tuple[bool, bool]) -> Tensor:
    """The last painting moved along the flow and mixed into the fresh one, over the borders where frames repeat."""
    margin = REACH + math.ceil(float(back.abs().max())) + 2 if any(axes) else 0
    fresh, before, back, share = (beyond_borders(part, margin, axes) for part in (fresh, before, back, share))
    past = warp(before, back, mode="bicubic").clamp(0, 1)
    return within_borders(blend_paint(fresh, past, share), margin, axes)
