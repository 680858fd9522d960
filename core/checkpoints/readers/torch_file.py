"""torch.save files, zip or legacy, read with weights_only: a pickle that wants more is refused."""

from __future__ import annotations

import pickle  # only for the exception's class
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError, UnsafeCheckpointError
from .._format import RawCheckpoint
from ._pickle_globals import foreign_globals

WRAPPERS = ("state_dict", "model_state_dict", "model", "params", "params_ema", "net", "network", "weights")
"""Under which trainers put the tensors beside epochs and options."""
PICKLE = b"\x80"
MALFORMED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    ArithmeticError,
    MemoryError,
    AssertionError,
    struct.error,
)
"""What torch.load raises on bytes that are no torch file, by experience."""


def matches(path: Path, head: bytes) -> bool:
    """A zip archive, or a pickle of protocol 2 and up; the reader sorts out the rest."""
    return head.startswith(b"PK\x03\x04") or (head[:1] == PICKLE and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"))


def read(path: Path) -> RawCheckpoint:
    """Read the tensors of a state dict, also inside the usual wrappers; CPU, dtype as stored.

    Raises:
        UnsafeCheckpointError: The pickle asks for anything but tensors and plain values; it names what.
        CheckpointError: Damaged, or without tensors.
    """
    loaded = _load(path)
    tensors, metadata = _unwrap(loaded)
    if not tensors:
        raise CheckpointError(
            f"{path.name} holds no weights.",
            expected=f"a state dict, bare or under {', '.join(WRAPPERS[:4])}",
            got=f"{type(loaded).__name__}" + (f" with keys {list(loaded)[:5]}" if isinstance(loaded, Mapping) else ""),
            do="Save model.state_dict() with torch.save and try again.",
        )
    return RawCheckpoint(path.name, "torch", tensors, metadata)


def _load(path: Path) -> Any:
    try:
        with warnings.catch_warnings():  # about pickle protocols, which the error below explains better
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except MALFORMED as error:
        wanted = foreign_globals(path)
        if wanted:
            raise UnsafeCheckpointError(
                f"{path.name} was not loaded: its pickle wants to run code.",
                expected="tensors and plain values only",
                got="a request for " + ", ".join(f"`{name}`" for name in wanted[:5]),
                do="Nothing was executed. If you trust its origin, load it where it was made, and save only "
                "the state dict.",
            ) from None
        raise CheckpointError(
            f"{path.name} cannot be read as a PyTorch file.",
            expected="a complete file written by torch.save",
            got=_first_sentence(error),
            do="Download or copy it again; if it is a zip of several models, unpack it first.",
        ) from error


def _first_sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def _unwrap(loaded: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of the innermost state dict, and the plain values beside it."""
    metadata: dict[str, Any] = {}
    for _ in range(4):
        if not isinstance(loaded, Mapping):
            return {}, metadata
        tensors = {str(key): value for key, value in loaded.items() if isinstance(value, Tensor)}
        metadata |= {str(key): v for key, v in loaded.items() if v is None or isinstance(v, bool | int | float | str)}
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            return {key: _plain(tensor) for key, tensor in _strip(tensors).items()}, metadata
        loaded = inner
    return {}, metadata


def _strip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop the prefix that DataParallel puts before every key."""
    while tensors and all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): tensor for key, tensor in tensors.items()}
    return tensors


def _plain(tensor: Tensor) -> Tensor:
    """Without autograd, sparsity or quantization."""
    tensor = tensor.detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    return tensor.to_dense() if tensor.layout != torch.strided else tensor
