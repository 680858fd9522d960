"""Where a file may be written: inside one folder, and never over another by accident."""

from __future__ import annotations

import glob
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..core.errors import ConfigError

SUFFIX = ".safetensors"
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Windows refuses these on every drive, with any suffix."""


def target(folder: Path, name: str, *, overwrite: bool, suffix: str = SUFFIX) -> Path:
    """Path for a new file.

    Args:
        folder: Root that the file must stay in.
        name: What the user typed: a file name, with folders before it, with or without suffix.
        overwrite: False: where the file exists, the first free `name_00001` is taken.
        suffix: Of the file.

    Raises:
        ConfigError: The name is empty, leaves the folder, or cannot be a file name on every system.
    """
    text = name.strip().replace("\\", "/").removesuffix(suffix)
    parts = PurePosixPath(text).parts
    absolute = text.startswith("/") or bool(PureWindowsPath(text).drive)
    if not parts or absolute or any(not is_plain(part) for part in parts):
        raise _refused(name, folder)
    path = folder.joinpath(*parts).with_name(parts[-1] + suffix)
    if not path.resolve().is_relative_to(folder.resolve()):  # a link that leads out
        raise _refused(name, folder)
    if overwrite or not path.exists():
        return path
    number = 1
    while (numbered := path.with_name(f"{parts[-1]}_{number:05}{suffix}")).exists():
        number += 1
    return numbered


def latest_run(folder: Path, name: str) -> Path | None:
    """The file of this name, or the numbered one of it, whose training was saved last; None: there is none.

    Raises:
        ConfigError: As `target`.
    """
    from ..trainers.state import state_path

    path = target(folder, name, overwrite=True)
    numbered = path.parent.glob(f"{glob.escape(path.stem)}_{'[0-9]' * 5}{SUFFIX}")
    states = {state: file for file in (path, *numbered) if (state := state_path(file)).exists()}
    return states[max(states, key=lambda state: state.stat().st_mtime_ns)] if states else None


def is_plain(part: str) -> bool:
    """Whether a file or folder of this name can exist, and is seen, on every system."""
    return (
        bool(part)
        and not part.startswith(".")  # also . and ..; hidden files would not be listed
        and not part.endswith((".", " "))
        and not FORBIDDEN.search(part)
        and part.split(".")[0].lower() not in RESERVED
    )


def _refused(name: str, folder: Path) -> ConfigError:
    return ConfigError(
        "The model was not saved: this cannot be its name.",
        expected=f"a name, or folder/name, inside {folder}",
        got=repr(name),
        do="Choose a name of letters, digits, - and _.",
    )
