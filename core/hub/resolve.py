"""From whatever the user wrote to files that `load_checkpoint` takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from ..errors import WeightsNotFoundError
from .download import ProgressFn, download_weights
from .local import MODEL_SUFFIXES, find_weights, list_models, local_path
from .manifest import BundledSource, WeightEntry, load_manifest
from .repository import find_repository, get_repository, parse_repository


def resolve_model(
    reference: str | Path, folders: Iterable[str | Path] = (), progress: ProgressFn | None = None
) -> Path:
    """Path of a model; downloaded where the manifest knows it and this machine lacks it.

    Args:
        reference: Path, id or title of the manifest, name of a file in `folders`, or USER/NAME of a repository
            on the Hub.
        folders: Models folders. Downloads go into the first; without any, into the Hub's cache.
        progress: Called with (bytes done, bytes in all); may raise to interrupt, to be resumed later.

    Returns:
        An existing file or model folder.

    Raises:
        WeightsNotFoundError: Nothing of that name; the message lists close ones.
        ChecksumMismatchError: The bytes are not those that the manifest or a pin describes.
        DownloadError: The download failed.
    """
    folders = [Path(folder) for folder in folders]
    found = find_weights(reference, folders)
    if found is not None:
        return found
    entry = load_manifest().find(str(reference))
    if entry is None:
        repository = None if isinstance(reference, Path) else parse_repository(reference)
        if repository is None or _means_a_file(repository.repo_id):
            raise _not_found(str(reference), folders)
        found = find_repository(str(reference), folders)
        return found or get_repository(str(reference), folders[0] if folders else None, progress)
    return _fetched(entry, folders, progress)


def resolve_files(
    reference: str | Path, folders: Iterable[str | Path] = (), progress: ProgressFn | None = None
) -> tuple[Path, ...]:
    """Like `resolve_model`, with the companions that the manifest names: `load_checkpoint(*files)`."""
    folders = [Path(folder) for folder in folders]
    path = resolve_model(reference, folders, progress)
    entry = load_manifest().find(str(reference))
    if entry is None or local_path(entry, folders, verify=False) != path:
        return (path,)
    companions = (load_manifest()[companion] for companion in entry.companions)
    return (path, *(_fetched(companion, folders, progress) for companion in companions))


def _means_a_file(text: str) -> bool:
    """Whether USER/NAME is rather the path of a file that is missing: the Hub is not asked for those."""
    return text.lower().endswith(MODEL_SUFFIXES) or Path(text).parent.is_dir()


def _fetched(entry: WeightEntry, folders: list[Path], progress: ProgressFn | None) -> Path:
    found = local_path(entry, folders)
    if found is None and isinstance(entry.source, BundledSource):
        raise WeightsNotFoundError(
            f"The bundled model {entry.id} is missing.",
            expected=entry.source.path,
            got="no such file in this installation",
            do="Reinstall Brushwork.",
        )
    return found or download_weights(entry, folders[0] if folders else None, progress)


def _not_found(reference: str, folders: list[Path]) -> WeightsNotFoundError:
    names: dict[str, str] = {}
    for model in list_models(folders, ("style_model", "encoder")):
        name = model.entry.id if model.entry else model.name
        names[name.casefold()] = name
        names[model.name.casefold()] = model.name
    close = difflib.get_close_matches(reference.casefold(), names, n=3, cutoff=0.4)
    close += [key for key in names if reference and reference.casefold() in key and key not in close][:5]
    return WeightsNotFoundError(
        f"There is no model {reference!r}.",
        expected="a file, a name in a models folder, or an id or title of the manifest",
        got=f"close names: {', '.join(dict.fromkeys(names[key] for key in close))}" if close else "nothing similar",
        do="See `brushwork models list`, or give the path of a file.",
    )
