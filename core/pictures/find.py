"""From what a user types to a list of picture files: files, folders, globs."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from ..errors import ImageError

PICTURE_SUFFIXES = (
    ".jpg .jpeg .jpe .jfif .png .apng .webp .tif .tiff .bmp .gif .avif .jp2 .exr .ppm .pgm .tga".split()  # noqa: SIM905
)
"""What counts as a picture inside a folder; a file named on its own is always tried."""


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """Files, folders (with subfolders) and globs → picture files, sorted within each, without repetition.

    Globs are expanded here too: the Windows shells do not.

    Raises:
        ImageError: Something matched nothing; the message says what.
    """
    return list(find_with_names(paths))


def find_with_names(paths: Iterable[str | Path]) -> dict[Path, Path]:
    """As `find_pictures`; every file with its name relative to the folder it was found through."""
    found: dict[Path, Path] = {}
    nothing: list[str] = []
    for argument in paths:
        matches = _expand(argument)
        if not matches:
            nothing.append(str(argument))
        for path, name in matches:
            found.setdefault(path, name)
    if nothing:
        raise ImageError(
            "Some inputs match no picture.",
            expected="a picture file, a folder with pictures, or a pattern such as photos/*.jpg",
            got=", ".join(nothing),
            do="Check the spelling and the folder you are in.",
        )
    return found


def _expand(argument: str | Path) -> list[tuple[Path, Path]]:
    path = Path(argument)
    if path.is_dir():
        return [(file, file.relative_to(path)) for file in _pictures_below(path)]
    if path.exists():  # also a file whose name holds glob characters
        return [(path, Path(path.name))]
    matches: list[tuple[Path, Path]] = []
    for match in sorted(glob.glob(str(argument), recursive=True)):  # noqa: PTH207 - absolute patterns too
        inner = Path(match)
        if inner.is_dir():
            matches += [(file, Path(inner.name) / file.relative_to(inner)) for file in _pictures_below(inner)]
        elif inner.suffix.lower() in PICTURE_SUFFIXES:
            matches.append((inner, Path(inner.name)))
    return matches


def _pictures_below(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    )
