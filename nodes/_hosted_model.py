"""What travels on a BRUSHWORK_STYLE wire: a model, and its copies that ComfyUI keeps on the device."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch

from ..core.inference import Precision, Stylizer
from ..core.style_model import StyleModel
from . import _host, _settings

Key = tuple[Precision, torch.device, int | None]
"""Precision, device, bound of memory in bytes."""


class HostedModel:
    """A loaded style model under ComfyUI's memory management.

    Args:
        model: On the CPU, in the dtype of its file.
    """

    def __init__(self, model: StyleModel) -> None:
        self.model = model
        self._ready: dict[Key, tuple[Stylizer, Any]] = {}
        self._resting: dict[Key, Any] = {}
        """What ComfyUI manages of copies that have left the device: it still speaks of it while it unloads."""

    def stylizer(self, precision: Precision, pictures: int, height: int, width: int) -> Stylizer:
        """A Stylizer on ComfyUI's device, with room beside it to paint so many pictures of this size in pixels.

        What `auto` means, and how much memory a run may take, is what the settings say.
        """
        settings = _settings.current()
        precision = settings.precision if precision == "auto" else precision
        key = (precision, _host.torch_device(), settings.max_memory_bytes)
        if key not in self._ready:
            with _host.ordinary_tensors():
                stylizer = Stylizer(self.model, key[1], precision, max_memory=settings.max_memory_bytes)
            # The Stylizer may hold a converted copy: then the copy lives on the device and must be managed.
            patcher = _host.manage(stylizer.model.network, self._forget_what_was_on(key))
            self._ready[key] = (stylizer, patcher)
            self._resting.pop(key, None)
        stylizer, patcher = self._ready[key]
        room = stylizer.bytes_needed(pictures, height, width)
        _host.make_room(patcher, min(room, settings.max_memory_bytes or room))
        return stylizer

    def _forget_what_was_on(self, key: Key) -> Callable[[Any], None]:
        """What to do when a copy has left the device: encoded styles and buffers must not stay there without it."""
        mine = weakref.ref(self)

        def forget(patcher: Any) -> None:
            hosted = mine()
            _, current = hosted._ready.get(key, (None, None)) if hosted is not None else (None, None)
            if hosted is not None and current is patcher:  # an old one also says so, when it is collected
                hosted._resting[key] = patcher
                del hosted._ready[key]

        return forget
