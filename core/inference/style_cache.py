"""Remembers encoded style pictures, so that many photos in one style encode it once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..style_model import StyleLayer, StyleModel, StyleSelection


class StyleCache:
    """Least-recently-used codes of one model; keyed by the bytes of pictures and masks, so never stale.

    Args:
        size: Codes kept. Each holds the features of its pictures: about 1 MB for 512×512 at relu4_1.
    """

    def __init__(self, size: int = 8) -> None:
        self.size = size
        self._codes: OrderedDict[Hashable, StyleCode] = OrderedDict()

    def encode(self, model: StyleModel, style: StyleSelection, batch: int) -> StyleCode | None:
        """`model.encode(style, batch)`, from memory where possible. Always pass the same model."""
        if model.style_kind != "image" or style is None:
            return model.encode(style, batch)
        key = (batch, selection_key(style))
        code = self._codes.pop(key, None) or model.encode(style, batch)
        if code is not None:
            self._codes[key] = code
            while len(self._codes) > self.size:
                self._codes.popitem(last=False)
        return code


def selection_key(style: Any) -> Hashable:
    """Equal for equal selections, in any nesting; tensors by content: identity says nothing after a change in place."""
    if isinstance(style, Tensor):
        data = style.detach().cpu().contiguous()
        digest = hashlib.blake2b(data.view(-1).view(torch.uint8).numpy().tobytes(), digest_size=16).digest()
        return (str(data.dtype), tuple(data.shape), digest)
    if isinstance(style, StyleLayer):
        return (selection_key(style.style), style.weight, None if style.mask is None else selection_key(style.mask))
    if isinstance(style, Mapping):
        return tuple((name, selection_key(value)) for name, value in style.items())
    if isinstance(style, list | tuple):
        return tuple(selection_key(layer) for layer in style)
    return (type(style).__name__, repr(style))
