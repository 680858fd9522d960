"""Choices of the temporal part, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import ConfigError

FlowMethod = Literal["auto", "lucas-kanade", "raft"]
"""lucas-kanade: our own. raft: torchvision's, where its weights are on this machine. auto: raft if they are and the
device is no CPU."""


@dataclass(frozen=True)
class TemporalOptions:
    """What the frames of a video know of each other. With `blend` and `smooth` at 0 nothing: each is a photo."""

    blend: float = 0.75
    """Share of the picture that keeps its paint, moved along, from one frame to the next, where that can be trusted;
    0..0.95. 0: no optical flow at all."""
    smooth: float = 0.2
    """Share of the past in the statistics of instance normalization; 0..0.99. 0: each frame has its own."""
    cut: float = 0.6
    """Scene cut: share of a frame, 0..2, that the frame before leaves unexplained. 2 and more: never."""
    flow: FlowMethod = "auto"

    def __post_init__(self) -> None:
        for name, most in (("blend", 0.95), ("smooth", 0.99), ("cut", float("inf"))):
            value = getattr(self, name)
            if not 0 <= value <= most:  # false for NaN too
                raise ConfigError(
                    f"The temporal option {name} is out of range.",
                    expected=f"0 to {most:g}",
                    got=repr(value),
                    do="Leave it out for the default.",
                )
        if self.flow not in get_args(FlowMethod):
            raise ConfigError(
                f"There is no optical flow `{self.flow}`.",
                expected=" | ".join(get_args(FlowMethod)),
                got=repr(self.flow),
                do="Leave it on auto.",
            )

    @property
    def active(self) -> bool:
        """Whether frames have anything to do with each other."""
        return self.blend > 0 or self.smooth > 0
