"""Styles by the name of their repository on the Hub: `USER/NAME`, whether the manifest knows them or not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import ConfigError, WeightsNotFoundError
from .client import list_files
from .download import ProgressFn, download_weights
from .local import MODEL_SUFFIXES
from .manifest import HubSource, WeightEntry
from .pins import read_pins
from .places import own_cache, snapshot_path

TAG = "brushwork-style"
"""On every published repository: the style browser searches the Hub by it."""

DEFAULT_REVISION = "main"
FORMATS = {".onnx": "onnx", ".t7": "t7", ".mlmodel": "coreml", ".safetensors": "safetensors"}

_PART, _FILE_PART = r"[A-Za-z0-9_][\w.-]*", r"[^/\\:@\s.][^/\\:@]*"
_REFERENCE = re.compile(
    rf"(?:https?://[^/\s]+/)?(?P<repo>{_PART}/{_PART})"
    rf"(?:/(?:resolve|blob|tree)/(?P<at>[\w.-]+))?(?P<file>(?:/{_FILE_PART})*)/?(?:@(?P<revision>[\w.-]+))?"
)


@dataclass(frozen=True)
class RepositoryReference:
    """What `USER/NAME[/FILE][@REVISION]`, or the address of a page of the Hub, stands for."""

    repo_id: str
    filename: str = ""
    """Path inside the repository; empty: its one model file."""
    revision: str = DEFAULT_REVISION

    @property
    def folder(self) -> PurePosixPath:
        """Where its files lie inside a models folder; another revision never meets the files of this one."""
        other = "" if self.revision == DEFAULT_REVISION else f"@{self.revision[:40]}"
        return PurePosixPath(self.repo_id + other)

    def source(self, filename: str) -> HubSource:
        """The address of one file."""
        return HubSource(self.repo_id, filename, self.revision)


def parse_repository(text: str) -> RepositoryReference | None:
    """Read what a user typed or pasted; None where it cannot be the name of a repository."""
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        return None
    revision = match["revision"] or match["at"] or DEFAULT_REVISION
    return RepositoryReference(match["repo"], match["file"].strip("/"), revision)


def check_repo_id(text: str) -> str:
    """`USER/NAME`, stripped.

    Raises:
        ConfigError: Something else; the Hub itself would only say 404 or 401.
    """
    reference = parse_repository(text)
    if reference is None or reference.filename or ".." in text or "--" in text:
        raise ConfigError(
            f"{text.strip() or 'Nothing'!r} is no repository of the Hub.",
            expected="USER/NAME of letters, digits, - _ and ., such as claude-monet/water-lilies",
            got=repr(text),
            do="Write your user name of the Hub, a slash, and a name for the style.",
        )
    return reference.repo_id


def find_repository(text: str, folders: Iterable[Path] = ()) -> Path | None:
    """The model file of a repository on this machine; never touches the network.

    Args:
        text: As `parse_repository` takes it.
        folders: Models folders, searched before the Hub's cache.
    """
    reference = parse_repository(text)
    if reference is None:
        return None
    for folder in folders:
        inside = folder / reference.folder
        named = [inside / reference.filename] if reference.filename else _models_in(inside)
        if len(named) == 1 and named[0].is_file():
            return named[0]
    wanted = (reference.repo_id, reference.revision)
    for pin in read_pins(own_cache()):
        fits = not reference.filename or reference.filename == pin.filename
        if fits and pin.repo_type == "model" and (pin.repo_id, pin.revision) == wanted:
            path = snapshot_path(reference.source(pin.filename), pin.commit)
            if path.is_file():
                return path
    return None


def get_repository(text: str, folder: str | Path | None = None, progress: ProgressFn | None = None) -> Path:
    """The model file of a repository, downloaded and verified where it is missing.

    Args:
        text: USER/NAME, USER/NAME/FILE, either with @REVISION, or the address of a page of the Hub.
        folder: A models folder, where it becomes USER/NAME/FILE; None: the Hub's own cache.
        progress: Called with (bytes done, bytes in all); what it raises passes through.

    Returns:
        The file. Its commit and hash are pinned: asking again gives the same bytes, without network.

    Raises:
        ConfigError: No name of a repository.
        WeightsNotFoundError: The repository holds no model file, or several.
        DownloadError: Offline, unreachable, gated, no such repository, disk full.
    """
    reference = parse_repository(text)
    if reference is None:
        check_repo_id(text)
        raise AssertionError("check_repo_id has refused it")
    folder = None if folder is None else Path(folder)
    found = find_repository(text, [folder] if folder else [])
    if found is not None and (folder is None or found.is_relative_to(folder)):
        return found
    filename = reference.filename or _only_model(reference)
    entry = WeightEntry(
        id=reference.repo_id,
        title=reference.repo_id,
        kind="style_model",
        architecture="",
        source=reference.source(filename),
        filename=(reference.folder / filename).as_posix(),
        format=FORMATS.get(PurePosixPath(filename).suffix.lower(), "pth"),
    )
    return download_weights(entry, folder, progress)


def _only_model(reference: RepositoryReference) -> str:
    """The repository's .safetensors file, else its one file of another kind."""
    files = list_files(reference.source("")).files
    models = [name for name in files if name.lower().endswith(MODEL_SUFFIXES)]
    ours = [name for name in models if name.lower().endswith(".safetensors")]
    candidates = ours or models
    if len(candidates) == 1:
        return candidates[0]
    raise WeightsNotFoundError(
        f"{reference.repo_id} has {'several models' if candidates else 'no model'}.",
        expected="one .safetensors file, or the name of a file behind the repository's",
        got=", ".join(candidates[:8] or files[:8]) or "an empty repository",
        do=(
            f"Name one: {reference.repo_id}/{candidates[0]}"
            if candidates
            else f"Look at {reference.repo_id} on the Hub: it may hold something else than a style."
        ),
    )


def _models_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.name.lower().endswith(MODEL_SUFFIXES))
