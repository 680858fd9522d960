"""Controls: everything beside style and strength that an artist may set for a run, each neutral by default."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .strength import check_strength


@dataclass(frozen=True)
class Controls:
    """Settings of one run. At its default a control changes no bit of the result.

    Raises:
        ConfigError: A number out of its range.
    """

    coarse_strength: float = 1.0
    """Factor on the strength of what is larger than a stroke: tones and colours. 0..1."""
    fine_strength: float = 1.0
    """Factor on the strength of what is smaller: strokes and detail. 0..1."""
    strength_map: Tensor | None = None
    """Factor on the strength at every pixel: (H, W), (B, H, W) or (B, 1, H, W), 0..1, any size. Unlike a mask it
    works inside the network where the method can."""
    region_statistics: bool = False
    """With masks of styles: normalize each region by its own statistics, as if it were a picture of its own, instead
    of those of the whole photo."""

    def __post_init__(self) -> None:
        check_strength(self.coarse_strength, "coarse strength")
        check_strength(self.fine_strength, "fine strength")


NEUTRAL = Controls()
"""Controls that change nothing."""
