"""Open a file whatever its container, and say which layout it holds or what comes closest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import CheckpointError, UnsupportedCheckpointError, WeightsNotFoundError
from ._format import METADATA_KEY, Format, RawCheckpoint, join
from .formats import FORMATS
from .readers import READERS

HEAD_BYTES = 1024
OTHER_FILES = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file itself"),
    (b"<", "a web page: the download link gave an error page instead of the file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)


def read_raw(path: str | Path) -> RawCheckpoint:
    """Read a file or folder by what is in it; the suffix does not matter. Nothing is executed.

    Raises:
        WeightsNotFoundError: There is nothing at `path`.
        CheckpointError: Empty, damaged or unreadable.
        UnsafeCheckpointError: A pickle that wants to run code.
        UnsupportedCheckpointError: No container that this version can read.
    """
    path = Path(path)
    index = path.with_name(f"{path.name}.index")
    if not path.exists() and index.is_file():
        path = index  # TensorFlow calls a checkpoint by the prefix of its files
    if not path.exists():
        raise WeightsNotFoundError(
            f"There is no model file {path}.",
            expected="a file or folder",
            got="nothing at that place",
            do="Check the path; `brushwork models list` shows what is bundled.",
        )
    try:
        head = b""
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if not head:
                raise CheckpointError(
                    f"{path.name} is empty.",
                    expected="a model file",
                    got="0 bytes",
                    do="Download or copy it again.",
                )
        reader = next((reader for reader in READERS if reader.matches(path, head)), None)
        if reader is not None:
            return reader.read(path)
    except OSError as error:
        raise CheckpointError(
            f"{path.name} cannot be read.",
            expected="a readable file",
            got=f"{type(error).__name__}: {error.strerror or error}",
            do="Check its permissions and the disk.",
        ) from error
    raise UnsupportedCheckpointError(
        f"{path.name} is not a model file that this version can open.",
        expected="safetensors, PyTorch, ONNX, Torch7, CoreML or TensorFlow weights",
        got=next((what for magic, what in OTHER_FILES if head.lstrip().startswith(magic)), f"bytes {head[:8]!r}…"),
        do="Check that this is the file you meant, and that the download is complete.",
    )


def read_several(path: str | Path, companions: Sequence[str | Path]) -> RawCheckpoint:
    """As `read_raw`, with companion files joined to one checkpoint."""
    raw = read_raw(path)
    if not companions:
        return raw
    parts = raw.parts or (raw,)
    for companion in companions:
        other = read_raw(companion)
        parts += other.parts or (other,)
    return join(parts)


def detect(raw: RawCheckpoint) -> Format:
    """The foreign layout of a checkpoint.

    Raises:
        UnsupportedCheckpointError: None; the message names the closest and what it lacks.
    """
    found = _find(raw)
    if found is not None:
        return found
    alone = [part.name for part in raw.parts if _find(part) or METADATA_KEY in part.metadata]
    if alone:
        raise UnsupportedCheckpointError(
            f"{raw.name} is not one model.",
            expected="the files of one model, which belong together",
            got=f"{len(raw.parts)} files, some of them models by themselves: {_some(alone)}",
            do="Name a single file; companions are for models that come in several.",
        )
    raise explain(raw)


def _find(raw: RawCheckpoint) -> Format | None:
    return next((entry for entry in FORMATS if entry.matches(raw)), None)


def explain(raw: RawCheckpoint) -> UnsupportedCheckpointError:
    """Why no layout fits: the closest, how much of it is there, what is missing and unexpected."""
    keys = set(raw.tensors)
    candidates = [entry for entry in FORMATS if entry.typical_keys]
    closest = max(candidates, key=lambda entry: _likeness(keys, set(entry.typical_keys)), default=None)
    lines = [f"{len(keys)} tensors in {raw.container}"]
    expected = "one of the layouts that `brushwork inspect` knows"
    if closest is not None and keys & set(closest.typical_keys):
        typical = set(closest.typical_keys)
        here = keys & typical
        expected = f"closest: {closest.id} ({closest.title})"
        lines = [f"{len(here)} of its {len(typical)} keys present"]
        if typical - keys:
            lines.append(f"missing {_some(sorted(typical - keys))}")
        if keys - typical:
            lines.append(f"unexpected {_some(sorted(keys - typical))}")
    lines.append(f"first keys found: {_some(list(raw.tensors))}")
    return UnsupportedCheckpointError(
        f"{raw.name} holds no architecture that this pack knows.",
        expected=expected,
        got="; ".join(lines),
        do=f"Run `brushwork inspect {raw.name}` for the facts, or ask for support with the keys above.",
    )


def _likeness(keys: set[str], typical: set[str]) -> float:
    return len(keys & typical) / max(1, len(keys | typical))


def _some(names: list[str], limit: int = 4) -> str:
    return ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")
