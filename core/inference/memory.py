"""How much memory there is to paint with, asked of the system: torch and the standard library know no portable way."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

import torch

from ..errors import ConfigError

UNKNOWN_BYTES = 4 << 30
"""Assumed where the system does not tell."""
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def available_bytes(device: torch.device) -> int:
    """Memory on a device that can be taken now without swapping."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if sys.platform == "win32":
        return _windows_available()
    limits = [limit for limit in (_linux_available(), _container_room()) if limit is not None]
    return min(limits, default=_installed() // 2)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, on any device, or Python could not allocate."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    reasons = ("out of memory", "allocate memory", "not enough memory")  # accelerators, the CPU, the CPU on Windows
    return isinstance(error, RuntimeError) and any(reason in text for reason in reasons)


def parse_bytes(text: str) -> int:
    """`2GiB`, `1.5 G`, `512MB`, `800000000` → bytes; units are powers of 1024.

    Raises:
        ConfigError: Not a size.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ConfigError(
            "The memory bound is no size.",
            expected="a number with a unit, such as 2GiB or 512MB",
            got=repr(text),
            do="Write for example --max-memory 2GiB.",
        )
    return int(float(match[1]) * UNITS[match[2].upper()])


def give_back_freed_memory() -> None:
    """Return what is free now to the system, also between blocks that are in use; nothing where there is no glibc.

    Pieces of many sizes leave holes, and what does not fit into one is put on top: between passes the holes go.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # musl has no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def _linux_available() -> int | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", path.read_text())
    return int(found[1]) * 1024 if found else None


def _container_room() -> int | None:
    """What a control group leaves, where there is one with a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (folder / "memory.max").read_text(), (folder / "memory.current").read_text()
        return max(0, int(limit) - int(used))
    except (OSError, ValueError):  # no version 2 group, or `max`
        return None


def _installed() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2 * UNKNOWN_BYTES


def _windows_available() -> int:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "available", "page_total", "page_free", "virtual_total", "virtual_free", "extended")
        ]

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return UNKNOWN_BYTES
    return int(status.available)
