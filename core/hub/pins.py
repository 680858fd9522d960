"""brushwork.lock.json: what was downloaded once, so that a later download must be the same bytes.

A manifest entry without sha256 is trusted on first use: commit and hash seen then are pinned here.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import ManifestError
from ..files import atomic_path
from ._lock import exclusive
from .manifest import HubSource

PIN_FILE = "brushwork.lock.json"


@dataclass(frozen=True)
class Pin:
    """One downloaded file."""

    repo_type: str
    repo_id: str
    filename: str
    """Path inside the repository."""
    revision: str
    """As the manifest named it."""
    commit: str
    """What the revision was at the time."""
    sha256: str
    """Of the local file."""
    bytes: int
    local_name: str
    """Path relative to the pin file, with forward slashes, or the cached path's last part."""

    def is_of(self, source: HubSource) -> bool:
        """Whether this pin is about `source` at the same revision."""
        mine = (self.repo_type, self.repo_id, self.filename, self.revision)
        return mine == (source.repo_type, source.repo_id, source.filename, source.revision)


def read_pins(folder: Path) -> list[Pin]:
    """All pins of a folder, oldest first; empty where nothing was downloaded.

    Raises:
        ManifestError: The file is damaged.
    """
    path = folder / PIN_FILE
    try:
        return [Pin(**row) for row in json.loads(path.read_text(encoding="utf-8"))["pins"]]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ManifestError(
            f"{path} cannot be read.",
            expected="the pins that Brushwork wrote after each download",
            got=f"{type(error).__name__}: {error}",
            do="Restore the file, or delete it to trust the next downloads anew.",
        ) from error


def find_pin(folder: Path, source: HubSource) -> Pin | None:
    """The pin of a source, or None."""
    return next((pin for pin in read_pins(folder) if pin.is_of(source)), None)


def write_pin(folder: Path, pin: Pin) -> None:
    """Add or replace one pin; safe against other processes, atomic.

    Raises:
        ManifestError: The present file is damaged.
        BrushworkError: The folder cannot be written.
    """
    source = HubSource(pin.repo_id, pin.filename, pin.revision, pin.repo_type)
    with exclusive(folder, PIN_FILE):
        pins = [old for old in read_pins(folder) if not old.is_of(source)]
        rows = [asdict(row) for row in (*pins, pin)]
        with atomic_path(folder / PIN_FILE) as temporary:
            temporary.write_text(json.dumps({"pins": rows}, indent=1) + os.linesep, encoding="utf-8")
