"""Where a network computes and in which dtype, and the converted copy that computes there."""

from __future__ import annotations

import copy
from typing import Literal, get_args

import torch
from torch import nn

from ..architectures._layers import BatchNorm, ConditionalInstanceNorm, InstanceNorm
from ..errors import ConfigError
from ..style_model import StyleModel

Precision = Literal["auto", "exact", "fast"]
"""exact: float32. fast: float16; on a CPU bfloat16 if it multiplies in that itself, else as exact. auto: fast on CUDA,
exact elsewhere."""

KEPT_IN_FLOAT32 = (BatchNorm, InstanceNorm, ConditionalInstanceNorm)
"""Statistics, γ and β: few numbers, and the ones whose rounding shows as a colour shift of whole areas."""


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device to compute on; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: No such device on this machine.
    """
    if device == "auto":
        return torch.device([*_accelerators(), "cpu"][0])
    try:
        resolved = torch.device(device)
        torch.empty(1, device=resolved)  # the only test that holds for every backend
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).strip().splitlines()
        raise ConfigError(
            f"There is no device `{device}` here.",
            expected=", ".join(["auto", "cpu", *_accelerators()]),
            got=reason[0] if reason else type(error).__name__,
            do="Leave the device on `auto`, or install a torch build for this device.",
        ) from error
    return resolved


def _accelerators() -> list[str]:
    mps = torch.backends.mps.is_available()
    return ["cuda"] * torch.cuda.is_available() + ["mps"] * mps


def bf16_is_fast(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 itself; where it only imitates it, float32 is several times faster."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # newer versions of torch have these
    return device.type == "cpu" and any(getattr(torch.cpu, question, bool)() for question in questions)


def resolve_dtype(precision: str, device: torch.device, stored: torch.dtype = torch.float32) -> torch.dtype:
    """Dtype of the convolutions for a precision on a device.

    Args:
        precision: See `Precision`.
        device: Where the network runs.
        stored: Dtype of the model's weights; a float64 model stays float64 in `exact`.

    Raises:
        ConfigError: Unknown precision.
    """
    if precision not in get_args(Precision):
        raise ConfigError(
            f"There is no precision `{precision}`.",
            expected=" | ".join(get_args(Precision)),
            got=repr(precision),
            do="Leave it on `auto`.",
        )
    if precision == "fast" and device.type == "cpu":
        if bf16_is_fast(device):
            return torch.bfloat16
    elif precision == "fast" or (precision == "auto" and device.type == "cuda"):
        return torch.float16
    return torch.float32 if device.type == "mps" else torch.promote_types(stored, torch.float32)


def model_on(model: StyleModel, device: torch.device, dtype: torch.dtype) -> StyleModel:
    """`model` itself if it is already there in that dtype, else a converted copy. `model` is not modified.

    In half precision the normalization layers stay float32 (`KEPT_IN_FLOAT32`).
    """
    if _same_device(model.device, device) and all(p.dtype == dtype for p in model.network.parameters()):
        return model
    network = copy.deepcopy(model.network).to(device, dtype)
    if dtype in (torch.float16, torch.bfloat16):
        originals = dict(model.network.named_modules())
        for name, module in network.named_modules():
            if isinstance(module, KEPT_IN_FLOAT32):
                module.float()
                _copy_values(originals[name], module)
    return StyleModel(network, model.spec)


def _copy_values(source: nn.Module, target: nn.Module) -> None:
    """Values as they were before the detour through half precision."""
    target.load_state_dict(source.state_dict())


def _same_device(a: torch.device, b: torch.device) -> bool:
    return a.type == b.type and (a.index or 0) == (b.index or 0)
