"""Painting a folder of pictures into another: names kept, bad files reported, resumable at any picture."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import BrushworkError, ConfigError, ImageError
from ..overlap import overlapped
from .find import PICTURE_SUFFIXES
from .picture import Picture
from .read import read_picture
from .write import WRITABLE_SUFFIXES, write_picture

RECORD = ".brushwork-folder.jsonl"
"""In the target folder: what was painted from what, with which settings; a line for each picture, the last counts."""

SAME_FORMAT = "as the photo"
FALLBACK_SUFFIX = ".png"
"""For sources such as GIF and BMP, whose formats are read but not written."""

PaintFn = Callable[[Tensor], Tensor]
"""paint(image (1, 3 or 4, H, W), 0..1) → a painting of the same shape."""


@dataclass(frozen=True)
class ByRows:
    """How pictures are painted that are too large to be read as a whole; see core/inference/stream_file.py."""

    wanted: Callable[[Path], bool]
    """Whether a picture file is so large."""
    paint: Callable[[Path, Path], str]
    """paint(photo, painting) → empty where the painting is written, else why it can only be painted as a whole."""


DoneFn = Callable[[int, int, Tensor | None], None]
"""done(pictures done, pictures in all, the painting just written or None); what it raises ends the run.
There is no painting to show where one was painted by rows."""


@dataclass
class FolderReport:
    """What became of the pictures of a folder."""

    painted: list[Path] = field(default_factory=list)
    """Written in this run."""
    kept: list[Path] = field(default_factory=list)
    """Painted by an earlier run from the same picture with the same settings."""
    foreign: list[Path] = field(default_factory=list)
    """Targets that were there, and not from us: left alone."""
    failed: dict[Path, BrushworkError] = field(default_factory=dict)
    """Pictures that could not be read or painted."""

    def __str__(self) -> str:
        counts = [f"{len(self.painted)} painted"]
        counts += [f"{len(self.kept)} already done"] if self.kept else []
        counts += [f"{len(self.foreign)} left alone: another file has the name"] if self.foreign else []
        lines = [", ".join(counts)]
        lines += [f"failed: {path.name}: {error.got or error.what}" for path, error in self.failed.items()]
        return "\n".join(lines)


def plan_folder(source: Path, target: Path, suffix: str = SAME_FORMAT, *, subfolders: bool = False) -> dict[Path, Path]:
    """Picture → its painting, sorted by name.

    Args:
        source: Folder of pictures; hidden files and folders are passed over.
        target: Folder of the paintings; where it lies inside `source` it is passed over too.
        suffix: `.png`, `.jpg`, `.webp`, …, or `SAME_FORMAT`.
        subfolders: Also pictures in folders below, which keep their place.

    Returns:
        Names are kept. Where two pictures would become one file, the old suffixes join the names: `a_jpg.png`.

    Raises:
        ConfigError: `source` and `target` are the same folder, or a suffix that cannot be written.
        ImageError: No picture there.
    """
    if source.resolve() == target.resolve():
        raise ConfigError(
            "The paintings would replace the pictures.",
            expected="another folder for the paintings",
            got=str(target),
            do="Name another folder: the originals are the only way back.",
        )
    if suffix != SAME_FORMAT and suffix not in WRITABLE_SUFFIXES:
        raise ConfigError(
            "Pictures cannot be written in this format.",
            expected=" ".join((SAME_FORMAT, *WRITABLE_SUFFIXES)),
            got=repr(suffix),
            do="Choose one of these.",
        )
    pictures = _pictures(source, target, subfolders)
    if not pictures:
        raise ImageError(
            f"There is no picture in {source}.",
            expected="files ending in " + " ".join(PICTURE_SUFFIXES),
            got="an empty folder" if not any(source.iterdir()) else "other files, or folders",
            do="Put photos there, switch subfolders on, or name another folder.",
        )
    names = {path: _named(path.relative_to(source), suffix) for path in pictures}
    taken: dict[str, int] = {}
    for name in names.values():  # systems differ in whether A.png and a.png are two files
        taken[name.as_posix().casefold()] = taken.get(name.as_posix().casefold(), 0) + 1
    return {
        path: target / (name if taken[name.as_posix().casefold()] == 1 else _distinct(path.relative_to(source), name))
        for path, name in names.items()
    }


def paint_folder(
    plan: Mapping[Path, Path],
    target: Path,
    paint: PaintFn,
    settings: Mapping[str, Any],
    *,
    replace_all: bool = False,
    quality: int = 95,
    by_rows: ByRows | None = None,
    done: DoneFn | None = None,
) -> FolderReport:
    """Paint what is not painted yet. EXIF, colour profile and bit depth go along.

    Each painting is whole or not there, and recorded at once: after a cancel or a crash the same call goes on
    with the next picture. Changed pictures and other settings are painted anew. While one picture is painted, in the
    caller's thread, the next is read and the last written in others.

    Args:
        plan: From `plan_folder`.
        target: The folder that holds the record.
        paint: Called with one picture after the other.
        settings: Everything that decides how a painting looks, JSON-ready.
        replace_all: Paint all, also over files that are not ours.
        quality: 1..100, of JPEG and WebP; what is painted by rows has its own.
        by_rows: Takes the large pictures; None: all are read as a whole.
        done: See `DoneFn`.

    Raises:
        BrushworkError: The target cannot be written or the disk is full, or every single picture failed.
    """
    report, record = FolderReport(), _read_record(target)
    fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def load(job: tuple[Path, Path]) -> _Turn:
        """The photo, where there is something to paint."""
        path, out = job
        name = out.relative_to(target).as_posix()
        stamp = [path.stat().st_size, path.stat().st_mtime_ns, fingerprint]
        if out.exists() and not replace_all and record.get(name) == stamp:
            return _Turn(report.kept)
        if out.exists() and not replace_all and name not in record:
            return _Turn(report.foreign)
        large = by_rows is not None and by_rows.wanted(path)
        return _Turn(report.painted, stamp, None if large else read_picture(path))

    def work(job: tuple[Path, Path], turn: _Turn) -> _Turn:
        picture = turn.picture
        if picture is None and turn.stamp:
            assert by_rows is not None  # noqa: S101 - `load` asked it
            if not by_rows.paint(*job):
                return turn
            picture = read_picture(job[0])
        return turn if picture is None else replace(turn, picture=replace(picture, image=paint(picture.image)))

    def store(job: tuple[Path, Path], turn: _Turn) -> _Turn:
        if turn.picture is not None:
            write_picture(turn.picture, job[1], quality=quality)
        if turn.stamp:
            _note(target, job[1].relative_to(target).as_posix(), turn.stamp)
        return turn

    steps = overlapped(plan.items(), load, work, store, forgive=ImageError)
    with contextlib.closing(steps):
        for number, ((path, out), turn) in enumerate(steps, 1):
            if isinstance(turn, ImageError):
                report.failed[path] = turn
            elif isinstance(turn, _Turn):
                turn.where.append(out)
            if done is not None:
                picture = turn.picture if isinstance(turn, _Turn) else None
                done(number, len(plan), None if picture is None else picture.image)
    if report.failed and len(report.failed) == len(plan):
        raise next(iter(report.failed.values()))
    return report


@dataclass(frozen=True)
class _Turn:
    """What happens with one picture."""

    where: list[Path]
    """Of the report."""
    stamp: list[Any] = field(default_factory=list)
    """For the record; empty: nothing to do."""
    picture: Picture | None = None
    """The photo, then its painting; None: neither is ever there as a whole."""


def _pictures(source: Path, target: Path, subfolders: bool) -> list[Path]:
    inside = target.resolve()
    found = source.rglob("*") if subfolders else source.iterdir()
    return sorted(
        path
        for path in found
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
        and not path.resolve().is_relative_to(inside)
        and path.is_file()
    )


def _named(name: Path, suffix: str) -> Path:
    if suffix != SAME_FORMAT:
        return name.with_suffix(suffix)
    return name if name.suffix.lower() in WRITABLE_SUFFIXES else name.with_suffix(FALLBACK_SUFFIX)


def _distinct(source: Path, name: Path) -> Path:
    return name.with_name(f"{source.stem}_{source.suffix[1:]}{name.suffix}")


def _read_record(folder: Path) -> dict[str, list[Any]]:
    """Painting → [size, time, settings] of what it was painted from; a torn last line counts as not painted."""
    try:
        lines = (folder / RECORD).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    record: dict[str, list[Any]] = {}
    for line in lines:
        try:
            name, stamp = json.loads(line)
            record[name] = stamp
        except (ValueError, TypeError):
            continue
    return record


def _note(folder: Path, name: str, stamp: list[Any]) -> None:
    try:
        with (folder / RECORD).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, stamp]) + "\n")
    except OSError as error:
        raise BrushworkError(
            f"{folder / RECORD} cannot be written.",
            expected="a folder that can be written, with space left",
            got=f"{type(error).__name__}: {error.strerror or error}",
            do="Free disk space or check the permissions, and run it again: it goes on where it was.",
        ) from error
