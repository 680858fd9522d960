"""Whether two runs would paint the same: a hash over tensors and whatever holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...style_model import StyleLayer


def fingerprint(value: Any) -> str:
    """SHA-256 of nested mappings, lists, style layers, tensors, numbers and strings; equal for equal contents."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        data = value.detach().cpu().contiguous().flatten()
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(data.view(torch.uint8).numpy().tobytes())
    elif isinstance(value, StyleLayer):
        _feed(digest, [value.style, value.weight, value.mask])
    elif isinstance(value, Mapping):
        for name, part in value.items():
            _feed(digest, [name, part])
    elif isinstance(value, list | tuple):
        digest.update(b"[")
        for part in value:
            _feed(digest, part)
        digest.update(b"]")
    else:
        digest.update(f"{type(value).__name__}{value!r};".encode())
