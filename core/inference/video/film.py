"""A painter of whole films: what VideoStylizer needs besides the frame, decided once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from ...color import ColorMode
from ...style_model import StyleSelection
from ..controls import NEUTRAL, Controls
from .keyframes import StyleCurve
from .stylizer import VideoStylizer

JUMP = 0.25
"""Change of weights or strength from one frame to the next that is a cut: no paint of before stays."""


class FilmPainter:
    """Frame and number → painting, by a curve or in one style. Fits `core.videos.FramePainter`.

    Args:
        video: Paints the frames.
        style: As `Stylizer` takes it, where there is no curve.
        strength: 0..1, where there is no curve.
        curve: Style and strength over the frames.
        selection: Weights of the curve → what `Stylizer` takes.
        first: What a keyframe without a style means.
        mask: Where to paint, the same in all frames.
        preserve_color: See core/color.py.
        controls: Of every frame.
    """

    def __init__(
        self,
        video: VideoStylizer,
        style: StyleSelection = None,
        strength: float = 1.0,
        *,
        curve: StyleCurve | None = None,
        selection: Callable[[Mapping[str, float]], StyleSelection] | None = None,
        first: StyleSelection = None,
        mask: Tensor | None = None,
        preserve_color: ColorMode = "none",
        controls: Controls = NEUTRAL,
    ) -> None:
        self.video, self.style, self.strength = video, style, strength
        self.curve, self.selection = curve, selection or dict
        self.first, self.mask = first, mask
        self.preserve_color: ColorMode = preserve_color
        self.controls = controls

    def __call__(self, frame: Tensor, index: int) -> Tensor:
        """Paint the next frame (1, 3, H, W), number `index` from 0."""
        style, strength = self.style, self.strength
        if self.curve is not None:
            weights, strength = self.curve.at(index)
            style = self.selection(weights) if weights else self.first
            if index and _jumps(self.curve.at(index - 1), (weights, strength)):
                self.video.reset()
        return self.video(
            frame, style, strength, mask=self.mask, preserve_color=self.preserve_color, controls=self.controls
        )

    def state_dict(self) -> dict[str, Tensor]:
        """The VideoStylizer's."""
        return self.video.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self.video.load_state_dict(state)


def _jumps(before: tuple[Mapping[str, float], float], now: tuple[Mapping[str, float], float]) -> bool:
    """Whether a curve leaps between two frames, rather than moves."""
    styles = sum(abs(now[0].get(name, 0.0) - before[0].get(name, 0.0)) for name in {*now[0], *before[0]})
    return styles / 2 > JUMP or abs(now[1] - before[1]) > JUMP
