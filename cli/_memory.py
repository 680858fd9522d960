"""Freed memory stays with this process: on Linux a training step otherwise spends a fifth of its time on page faults.

glibc gives large blocks back to the system at once, and the next tensor of the same size faults every page in again.
This is a setting of the whole process: right for our own command, never inside a host such as ComfyUI.
"""

from __future__ import annotations

import contextlib
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""malloc.h's names of the two limits."""
LIMITS = {M_MMAP_THRESHOLD: 1 << 30, M_TRIM_THRESHOLD: (1 << 31) - 1}
OF_THE_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""Whoever sets one of these has chosen already."""


def keep_freed_memory() -> bool:
    """Raise glibc's limits, where there is a glibc and the user set none; whether that was done."""
    if sys.platform != "linux" or any(name in os.environ for name in OF_THE_USER):
        return False
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        return all(mallopt(name, limit) == 1 for name, limit in LIMITS.items())
    return False
