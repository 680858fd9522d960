"""Writing files so that a crash, a full disk or a second process never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import BrushworkError


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; on success it becomes `path`, on any failure it is removed.

    The temporary keeps the suffix, since encoders choose the format by it.

    Raises:
        BrushworkError: The folder cannot be made or written, or the disk is full; `path` is then as it was.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes 0600; a finished file gets what the user's umask gives every other file
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise BrushworkError(
            f"{path} cannot be written.",
            expected="a folder that exists or can be made, with space left",
            got=f"{type(error).__name__}: {error.strerror or error}",
            do="Choose another place, or free disk space; the previous file, if any, is untouched.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
