"""Which folder of pictures a user's text means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError


def find_folder(text: str, roots: Sequence[Path], what: str) -> Path:
    """A folder by its full path, or by its name inside one of `roots`.

    Args:
        text: What the user typed; `~` is their home.
        roots: Folders of the host. A relative name never leads out of them.
        what: Name of the input, for the message.

    Raises:
        ConfigError: No such folder, or a relative name that leaves the roots.
    """
    named = Path(text.strip()).expanduser()
    if named.is_absolute():
        candidates = [named]
    else:
        inside = [(root / named, root) for root in roots]
        candidates = [path for path, root in inside if path.resolve().is_relative_to(root.resolve())]
    for path in candidates:
        if path.is_dir():
            return path
    raise ConfigError(
        f"There is no folder {text.strip()!r} for `{what}`.",
        expected=f"a full path, or a name inside {' or '.join(map(str, roots))}",
        got="a name that leads out of them" if not candidates else "no such folder",
        do="Correct the name, or wire the pictures in.",
    )
