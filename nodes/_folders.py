"""Folders that a workflow may read and write: inside ComfyUI's own, wherever the workflow comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ._file_name import is_plain


def inside(text: str, roots: Sequence[Path], what: str, *, must_exist: bool) -> Path:
    """A folder inside one of ComfyUI's.

    Args:
        text: What the user typed: a name inside a root, empty for the first root itself, or a full path that lies
            inside a root. Links that lead out count as outside.
        roots: Folders of the host.
        what: Name of the input, for the message.
        must_exist: For reading. Else the folder is in the first root, and need not be there yet.

    Raises:
        ConfigError: It leads out of the roots, or is not there.
    """
    named = Path(text.strip().replace("\\", "/"))
    candidates = [root / named for root in (roots if must_exist else roots[:1])]
    allowed = [
        path for path, root in zip(candidates, roots, strict=False) if path.resolve().is_relative_to(root.resolve())
    ]
    if named.is_absolute():
        allowed = [named for root in roots if named.resolve().is_relative_to(root.resolve())]
    if not must_exist and not named.is_absolute() and not all(map(is_plain, named.parts)):
        allowed = []
    for path in allowed:
        if path.is_dir() or (not must_exist and not path.exists()):
            return path
    raise ConfigError(
        f"{text.strip()!r} cannot be the folder for `{what}`.",
        expected=f"the name of a folder inside {' or '.join(map(str, roots))}",
        got="a name that leads out of them, or cannot be one" if not allowed else "no such folder",
        do="Put the pictures there, or correct the name." if must_exist else "Correct the name.",
    )
