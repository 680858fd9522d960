"""One process at a time per file, also across programs (ComfyUI and the command line)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import DownloadError

POLL_S = 0.2


@contextlib.contextmanager
def exclusive(folder: Path, name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of `name` in `folder/.locks`.

    Lock files stay, empty: removing one while another process waits for it would let two in.

    Args:
        folder: Made where it is missing.
        name: What is locked.
        waiting: Called a few times a second while another process holds it; may raise to give up.

    Raises:
        DownloadError: The folder cannot be made or written.
    """
    from filelock import FileLock, Timeout  # a dependency of huggingface_hub

    locks = folder / ".locks"
    lock = FileLock(str(locks / f"{name}.lock"))
    held = False
    while not held:
        try:
            locks.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=POLL_S)
            held = True
        except Timeout:
            pass
        except NotImplementedError:
            # Some network drives cannot lock. The hash still refuses what two writers would spoil.
            break
        except OSError as error:
            raise DownloadError(
                f"{folder} cannot be written.",
                expected="a models folder, or a Hub cache, that can be written",
                got=f"{type(error).__name__}: {error.strerror or error}",
                do="Check the permissions, choose --models-dir, or set HF_HOME.",
            ) from error
        if not held and waiting is not None:
            waiting()
    try:
        yield
    finally:
        lock.release()
