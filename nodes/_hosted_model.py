"""What travels on a BRUSHWORK_STYLE wire: a model, and its copies that ComfyUI keeps on the device."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch

from ..core.inference import Precision, Stylizer
from ..core.inference.stylizer import PIXELS_AT_ONCE
from ..core.style_model import StyleModel
from . import _host, _settings

BYTES_PER_PIXEL = 1200
"""Activations of the plain path, float32, 32-64-128 channels: 920 measured, rounded up for wider networks."""


class HostedModel:
    """A loaded style model under ComfyUI's memory management.

    Args:
        model: On the CPU, in the dtype of its file.
    """

    def __init__(self, model: StyleModel) -> None:
        self.model = model
        self._ready: dict[tuple[str, torch.device], tuple[Stylizer, Any]] = {}
        self._resting: dict[tuple[str, torch.device], Any] = {}
        """What ComfyUI manages of copies that have left the device: it still speaks of it while it unloads."""

    def stylizer(self, precision: Precision, pictures: int, height: int, width: int) -> Stylizer:
        """A Stylizer on ComfyUI's device, with room beside it to paint so many pictures of this size in pixels.

        `auto` is what the settings say.
        """
        precision = _settings.current().precision if precision == "auto" else precision
        device = _host.torch_device()
        if (precision, device) not in self._ready:
            with _host.ordinary_tensors():
                stylizer = Stylizer(self.model, device, precision)
            # The Stylizer may hold a converted copy: then the copy lives on the device and must be managed.
            patcher = _host.manage(stylizer.model.network, self._forget_what_was_on(precision, device))
            self._ready[precision, device] = (stylizer, patcher)
            self._resting.pop((precision, device), None)
        stylizer, patcher = self._ready[precision, device]
        pixels = height * width
        bytes_per_pixel = BYTES_PER_PIXEL * stylizer.dtype.itemsize // 4
        _host.make_room(patcher, max(pixels, min(pictures * pixels, PIXELS_AT_ONCE)) * bytes_per_pixel)
        return stylizer

    def _forget_what_was_on(self, precision: Precision, device: torch.device) -> Callable[[Any], None]:
        """What to do when a copy has left the device: encoded styles and buffers must not stay there without it."""
        mine = weakref.ref(self)

        def forget(patcher: Any) -> None:
            hosted = mine()
            _, current = hosted._ready.get((precision, device), (None, None)) if hosted is not None else (None, None)
            if hosted is not None and current is patcher:  # an old one also says so, when it is collected
                hosted._resting[precision, device] = patcher
                del hosted._ready[precision, device]

        return forget
