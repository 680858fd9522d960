"""The network's grid travels with the camera.

These networks halve the picture twice, so they see it in cells of 4×4 pixels, and where a thing lies in its cell
decides how it is painted: a photo moved by 2 pixels is painted in other strokes, one moved by 4 in the same. So the
frame is painted with 0..3 rows and columns added on the left and above, as many as keep the cells on the things while
the camera pans. (With larger strokes the network sees a smaller picture, and the cells are larger.) That costs no
sharpness, and alone takes a third off the flicker of a pan (measured: squared warping error × 0.57 to 0.65 in three
styles of the CIN starter).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CELL_PX = 4
LEAST_TRUSTED = 0.1
"""Share of the frame that must have moved in a way that can be trusted."""


class Anchor:
    """Follows the dominant motion of a shot."""

    def __init__(self) -> None:
        self.position = torch.zeros(2, dtype=torch.float64)
        """How far the scene has moved since the shot began, pixels right and down."""

    def reset(self) -> None:
        """A new shot."""
        self.position = torch.zeros(2, dtype=torch.float64)

    def follow(self, back: Tensor, trust: Tensor) -> None:
        """Move on by the median motion of what can be trusted.

        Args:
            back: Flow from this frame to the last, (1, 2, H, W), in pixels of the frame as it is painted.
            trust: (1, 1, H, W), 0..1.
        """
        moved = back[0][:, trust[0, 0] > 0.5]
        if moved.shape[1] > LEAST_TRUSTED * trust.numel():
            self.position = self.position - moved.median(1).values.double().cpu()

    def pad(self, frame: Tensor, cell: float = CELL_PX) -> Tensor:
        """(B, C, H, W) → (B, C, H + n, W + n), mirrored at the edges; n is the cell's side in whole pixels."""
        left, above, more = self._offset(cell)
        return F.pad(frame, (left, more - left, above, more - above), mode="reflect")

    def crop(self, painting: Tensor, cell: float = CELL_PX) -> Tensor:
        """Back to the frame's size."""
        left, above, more = self._offset(cell)
        return painting[..., above : painting.shape[-2] - more + above, left : painting.shape[-1] - more + left]

    def _offset(self, cell: float) -> tuple[int, int, int]:
        """Columns and rows to add on the left and above so that the scene's position is 0 modulo the cell; and n."""
        more = math.ceil(cell)
        left, above = (round(value % cell) % more for value in (-self.position).tolist())
        return left, above, more
