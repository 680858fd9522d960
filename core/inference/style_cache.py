"""Remembers encoded style pictures, so that many photos in one style encode it once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
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
        self._key_of = RecentTensors()

    def encode(self, model: StyleModel, style: StyleSelection, batch: int) -> StyleCode | None:
        """`model.encode(style, batch)`, from memory where possible. Always pass the same model."""
        if model.style_kind != "image" or style is None:
            return model.encode(style, batch)
        key = (batch, selection_key(style, self._key_of))
        code = self._codes.pop(key, None) or model.encode(style, batch)
        if code is not None:
            self._codes[key] = code
            while len(self._codes) > self.size:
                self._codes.popitem(last=False)
        return code


def content_key(tensor: Tensor) -> Hashable:
    """Equal for equal contents: identity says nothing after a change in place."""
    data = tensor.detach().cpu().contiguous()
    digest = hashlib.blake2b(data.view(-1).view(torch.uint8).numpy().data, digest_size=16).digest()
    return (str(data.dtype), tuple(data.shape), digest)


class RecentTensors:
    """`content_key` of tensors that were seen lately, by comparing: a tenth of the time of a digest."""

    LIMIT_BYTES = 64 << 20

    def __init__(self) -> None:
        self._seen: list[tuple[Tensor, Hashable]] = []

    def __call__(self, tensor: Tensor) -> Hashable:
        """The key."""
        for copy, key in self._seen:
            same_kind = copy.dtype == tensor.dtype and copy.shape == tensor.shape and copy.device == tensor.device
            if same_kind and torch.equal(copy, tensor):
                return key
        key = content_key(tensor)
        self._seen.insert(0, (tensor.detach().clone(), key))
        while sum(copy.nbytes for copy, _ in self._seen) > self.LIMIT_BYTES:
            self._seen.pop()
        return key


def selection_key(style: Any, key_of: Callable[[Tensor], Hashable] = content_key) -> Hashable:
    """Equal for equal selections, in any nesting; tensors by content."""
    if isinstance(style, Tensor):
        return key_of(style)
    if isinstance(style, StyleLayer):
        mask = None if style.mask is None else key_of(style.mask)
        return (selection_key(style.style, key_of), style.weight, mask)
    if isinstance(style, Mapping):
        return tuple((name, selection_key(value, key_of)) for name, value in style.items())
    if isinstance(style, list | tuple):
        return tuple(selection_key(layer, key_of) for layer in style)
    return (type(style).__name__, repr(style))
