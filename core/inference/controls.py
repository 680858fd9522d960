"""Controls: everything beside style and strength that an artist may set for a run, each neutral by default."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..errors import ConfigError
from .light import Encoding, check_encoding
from .strength import check_strength
from .stroke import LARGEST, SMALLEST
from .wrap import Wrap, check_wrap

SMALLEST_REFERENCE_PX = 32


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
    stroke_size: float = 1.0
    """Factor on the size of the strokes, 0.25..4, see core/inference/stroke.py."""
    stroke_reference_px: int | None = None
    """Longer side in pixels at which `stroke_size` is meant: strokes then grow with the picture, and a preview of this
    size shows what the final picture will look like. None: strokes keep their number of pixels."""
    color_amount: float = 1.0
    """How much of the colours that `preserve_color` names, 0..1."""
    palette: Tensor | None = None
    """A third picture (1 or B, 3, h, w) whose colours the painting gets, for the colour modes histogram, coral, lab and
    palette; None: the photo."""
    wrap: Wrap = "none"
    """Borders that are none, see core/inference/wrap.py: x | y | both for tiles that repeat, panorama for a whole
    sphere. A photo with a jump between opposite borders first loses it."""
    encoding: Encoding = "srgb"
    """srgb for display values; linear for light, as EXR files have it: then values beyond 1 are kept."""
    region_statistics: bool = False
    """With masks of styles: normalize each region by its own statistics, as if it were a picture of its own, instead
    of those of the whole photo."""

    def __post_init__(self) -> None:
        check_strength(self.coarse_strength, "coarse strength")
        check_strength(self.fine_strength, "fine strength")
        if not SMALLEST <= self.stroke_size <= LARGEST:
            raise ConfigError(
                "The stroke size is out of range.",
                expected=f"{SMALLEST} to {LARGEST:g}; 1 is the size that the model learned",
                got=repr(self.stroke_size),
                do="Choose a value in between.",
            )
        check_strength(self.color_amount, "amount of colour")
        check_wrap(self.wrap)
        check_encoding(self.encoding)
        if self.stroke_reference_px is not None and self.stroke_reference_px < SMALLEST_REFERENCE_PX:
            raise ConfigError(
                "The reference size of strokes is out of range.",
                expected=f"{SMALLEST_REFERENCE_PX} pixels or more, such as 512 for a preview of that size",
                got=repr(self.stroke_reference_px),
                do="Give the longer side of the preview in pixels.",
            )


NEUTRAL = Controls()
"""Controls that change nothing."""
