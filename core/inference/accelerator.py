"""Painting on a device with memory of its own: whole while that lasts, then by strips; in half precision if it can.

What a graphics card adds to the plain path is two ways to fail, and so two ways to fall back:

- float16 ends at 65,504. Where a network's features pass that, the picture is painted again in float32, and so are all
  pictures after it.
- A picture whose layers do not fit together is painted by the engine's strips, a thirty-second of the free memory each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..architectures._statistics import hook_wanted
from ..margin import Margin
from ..style_model import StyleModel, shown
from .device import model_on
from .engine import Engine, supports
from .engine.engine import HalfPrecisionOverflowError
from .memory import is_out_of_memory

LOG = logging.getLogger(__name__)


class Accelerator:
    """One model on one device; `model` as it lies there.

    Args:
        model: Not modified.
        device: Where it computes.
        dtype: Of the convolutions; float16 may become float32, see above.
    """

    def __init__(self, model: StyleModel, device: torch.device, dtype: torch.dtype) -> None:
        self.dtype, self.model = dtype, model_on(model, device, dtype)
        self._original, self._device = model, device
        self._engine: Engine | None = None

    def paint(
        self,
        photo: Tensor,
        code: StyleCode | None,
        progress: Callable[[float], None] | None = None,
        margin: Margin | None = None,
    ) -> Tensor:
        """`StyleModel.paint`.

        Args:
            photo: (B, 3, H, W), 0..1, float32 or better, on the device.
            code: From `StyleModel.encode`.
            progress: Called with the share of the work that is done, 0..1, while strips are painted.
            margin: Beyond the borders; None: the model's own.
        """
        try:
            return self._paint(photo, code, progress, margin)
        except HalfPrecisionOverflowError:
            LOG.warning("float16 overflows in this network: it paints in float32 from here on, in twice the time")
        self.dtype, self._engine = torch.float32, None
        self.model = model_on(self._original, self._device, self.dtype)
        return self._paint(photo, code, progress, margin)

    def _paint(
        self,
        photo: Tensor,
        code: StyleCode | None,
        progress: Callable[[float], None] | None,
        margin: Margin | None,
    ) -> Tensor:
        try:
            return self._whole(photo, code, margin)
        except RuntimeError as error:
            if not is_out_of_memory(error) or hook_wanted() or not supports(self._original):
                raise
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # what the whole picture took lies there in pieces of the wrong size
        if self._engine is None:
            half = self.dtype in (torch.float16, torch.bfloat16)
            self._engine = Engine(
                model_on(self._original, self._device, torch.float32 if half else self.dtype), self.dtype
            )
        return self._engine.paint(photo, code, keep=False, progress=progress, margin=margin)

    def _whole(self, photo: Tensor, code: StyleCode | None, margin: Margin | None) -> Tensor:
        painted = self.model.run(photo, code, margin)
        if self.dtype == torch.float16 and not bool(torch.isfinite(painted).all()):
            raise HalfPrecisionOverflowError
        return shown(painted, photo)
