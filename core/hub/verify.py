"""Hashing again what the manifest and the pins describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BrushworkError, ChecksumMismatchError, WeightsNotFoundError
from .integrity import check_file
from .local import expected_of, places_of
from .manifest import BundledSource, load_manifest


@dataclass(frozen=True)
class Verified:
    """The verdict on one file."""

    path: Path
    verdict: str
    """ok | unpinned (nothing is known to compare with) | wrong | missing."""
    error: BrushworkError | None = None


def verify_models(folders: Iterable[str | Path] = ()) -> Iterator[Verified]:
    """Read and hash every bundled file, and every file of the manifest in `folders` and in the Hub's cache.

    Raises:
        ManifestError: The manifest or a pin file is damaged.
    """
    folders = [Path(folder) for folder in folders]
    for entry in load_manifest().entries:
        for path, state in places_of(entry, folders):
            if not path.is_file():
                if isinstance(entry.source, BundledSource):
                    yield Verified(path, "missing", _missing(path))
                continue
            sha256, size = expected_of(entry, state)
            try:
                check_file(path, sha256, size, fresh=True)
            except ChecksumMismatchError as error:
                yield Verified(path, "wrong", error)
            else:
                yield Verified(path, "ok" if sha256 else "unpinned")


def _missing(path: Path) -> WeightsNotFoundError:
    return WeightsNotFoundError(
        f"The bundled model {path.name} is missing.",
        expected=str(path),
        got="no such file in this installation",
        do="Reinstall Brushwork.",
    )
