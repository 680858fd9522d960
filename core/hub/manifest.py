"""weights_manifest.json as frozen dataclasses: every model that is bundled or can be had from the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import ManifestError

SCHEMA_VERSION = 1
PACK_ROOT = Path(__file__).resolve().parent.parent.parent
"""Right in a checkout, in a wheel and under ComfyUI's name for the pack; importlib.resources is not."""

KINDS = ("style_model", "encoder")
FORMATS = ("safetensors", "pth", "onnx", "t7", "tensorflow", "coreml")
NORMALIZATIONS = ("unit", "raw255", "bgr255", "imagenet", "caffe")
"""The presets of core/normalization.py, by name: this package does without torch, so that lists come at once."""
REPO_TYPES = ("model", "space", "dataset")


@dataclass(frozen=True)
class BundledSource:
    """A file that comes with the pack."""

    path: str
    """Relative to the pack's root, with forward slashes."""

    @property
    def filename(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class HubSource:
    """A file of a repository on the Hugging Face Hub."""

    repo_id: str
    filename: str
    """Path inside the repository."""
    revision: str = "main"
    """Commit, tag or branch; a branch is pinned to the commit of the first download."""
    repo_type: str = "model"

    @property
    def label(self) -> str:
        """For messages: `spaces/owner/name/file@revision`."""
        prefix = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return "/".join(filter(None, (prefix + self.repo_id, self.filename))) + f"@{self.revision[:12]}"


@dataclass(frozen=True)
class WeightEntry:
    """One model of the manifest; docs/manifest.md explains the fields."""

    id: str
    title: str
    kind: str
    architecture: str
    source: BundledSource | HubSource
    filename: str
    """Name of the local file."""
    format: str
    input_normalization: str | None = None
    """Preset of core/normalization.py; None: found in the file. It only confirms, the file decides."""
    bytes: int | None = None
    sha256: str | None = None
    """Of the whole source file. None: the Hub's own, or the one seen on the first download, is pinned."""
    styles: tuple[str, ...] = ()
    license: str = "unknown"
    license_url: str | None = None
    attribution: str = ""
    source_url: str | None = None
    paper: str | None = None
    thumbnail: str | None = None
    companions: tuple[str, ...] = ()
    """Ids of further files that `load_checkpoint` needs, in its order."""
    tensors: str | None = None
    """Only tensors whose names start so are fetched, by byte ranges."""


@dataclass(frozen=True)
class WeightsManifest:
    """All entries, in the manifest's order."""

    entries: tuple[WeightEntry, ...]

    def find(self, reference: str) -> WeightEntry | None:
        """Entry by id, title (any case) or local file name; None where there is none."""
        folded = reference.casefold()
        for entry in self.entries:
            if folded in (entry.id, entry.title.casefold()) or reference == entry.filename:
                return entry
        return None

    def __getitem__(self, entry_id: str) -> WeightEntry:
        """Entry by exact id.

        Raises:
            KeyError: No such id; the loader has checked that every companion exists.
        """
        for entry in self.entries:
            if entry.id == entry_id:
                return entry
        raise KeyError(entry_id)


_CACHE: dict[Path, tuple[tuple[int, int], WeightsManifest]] = {}


def load_manifest(path: str | Path | None = None) -> WeightsManifest:
    """Read and check a manifest; kept in memory until the file changes.

    Args:
        path: Another manifest than the pack's own.

    Raises:
        ManifestError: Missing, no JSON, or an entry that does not fit the schema; the message names it.
    """
    path = PACK_ROOT / "weights_manifest.json" if path is None else Path(path)
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        cached = _CACHE.get(path)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"The manifest {path} cannot be read.",
            expected="a JSON file as weights_manifest.schema.json describes it",
            got=f"{type(error).__name__}: {error}",
            do="Reinstall Brushwork, or give the path of a manifest.",
        ) from error
    manifest = manifest_from_dict(data, path.name)
    _CACHE[path] = (stamp, manifest)
    return manifest


def manifest_from_dict(data: Any, name: str = "manifest") -> WeightsManifest:
    """Check and convert parsed JSON. Unknown keys of newer minor versions are ignored.

    Raises:
        ManifestError: Something does not fit; the message names entry and field.
    """
    if not isinstance(data, Mapping) or data.get("schema_version") != SCHEMA_VERSION:
        version = data.get("schema_version") if isinstance(data, Mapping) else type(data).__name__
        raise _misfit(name, "schema_version", str(SCHEMA_VERSION), version)
    rows = data.get("entries")
    if not isinstance(rows, list):
        raise _misfit(name, "entries", "a list", rows)
    entries = tuple(_entry(row, f"{name}, entry {i}") for i, row in enumerate(rows))
    for field in ("id", "title", "filename"):
        seen: set[str] = set()
        for entry in entries:
            value = getattr(entry, field).casefold()
            if value in seen:
                raise _misfit(f"{name}, entry {entry.id}", field, "a value that no other entry has", value)
            seen.add(value)
    ids = {entry.id for entry in entries}
    for entry in entries:
        missing = [companion for companion in entry.companions if companion not in ids]
        if missing:
            raise _misfit(f"{name}, entry {entry.id}", "companions", "ids of entries", missing)
    return WeightsManifest(entries)


def _entry(row: Any, where: str) -> WeightEntry:
    if not isinstance(row, Mapping):
        raise _misfit(where, "entry", "an object", row)
    where = f"{where} ({row.get('id')})"

    def text(key: str, pattern: str = r"(?s).+", of: Mapping[str, Any] = row) -> str:
        value = of.get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise _misfit(where, key, f"text like {pattern}", value)
        return value

    def optional(key: str, pattern: str = r"(?s).*") -> str | None:
        return None if row.get(key) is None else text(key, pattern)

    def choice(key: str, choices: Any, of: Mapping[str, Any] = row, default: str | None = None) -> str:
        value = of.get(key, default)
        if value not in choices:
            raise _misfit(where, key, " | ".join(choices), value)
        return str(value)

    def names(key: str) -> tuple[str, ...]:
        values = row.get(key, [])
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            raise _misfit(where, key, "a list of texts", values)
        return tuple(values)

    size = row.get("bytes")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        raise _misfit(where, "bytes", "a positive integer or null", size)
    source = _source(row.get("source"), where, text, choice)
    if isinstance(source, BundledSource) and (size is None or row.get("sha256") is None):
        raise _misfit(where, "bytes, sha256", "values: a bundled file is known", (size, row.get("sha256")))
    return WeightEntry(
        id=text("id", _KEBAB),
        title=text("title"),
        kind=choice("kind", KINDS),
        architecture=text("architecture", r"[a-z0-9_]+"),
        source=source,
        filename=optional("filename", _FILENAME) or PurePosixPath(source.filename).name,
        format=choice("format", FORMATS),
        input_normalization=(
            None if row.get("input_normalization") is None else choice("input_normalization", NORMALIZATIONS)
        ),
        bytes=size,
        sha256=optional("sha256", r"[0-9a-f]{64}"),
        styles=names("styles"),
        license=text("license"),
        license_url=optional("license_url", _URL),
        attribution=text("attribution"),
        source_url=optional("source_url", _URL),
        paper=optional("paper", r"\d{4}\.\d{4,5}"),
        thumbnail=optional("thumbnail", r"[A-Za-z0-9+/]+=*"),
        companions=names("companions"),
        tensors=optional("tensors", r".+"),
    )


_KEBAB = r"[a-z0-9]+(-[a-z0-9]+)*"
_URL = r"https?://\S+"
_FILENAME = r"[^/\\:*?\"<>|\s][^/\\:*?\"<>|]*"
_INNER_PATH = r"(?!.*(^|/)\.\.(/|$))[^/\\][^\\]*"
"""Relative, forward slashes, and no way up: a manifest must not name files outside its tree."""


def _source(data: Any, where: str, text: Any, choice: Any) -> BundledSource | HubSource:
    if not isinstance(data, Mapping):
        raise _misfit(where, "source", "an object with `type`", data)
    if choice("type", ("bundled", "hub"), data) == "bundled":
        return BundledSource(text("path", _INNER_PATH, data))
    return HubSource(
        repo_id=text("repo_id", r"[\w.-]+/[\w.-]+", data),
        filename=text("filename", _INNER_PATH, data),
        revision=text("revision", r"[\w./-]+", data),
        repo_type=choice("repo_type", REPO_TYPES, data, "model"),
    )


def _misfit(where: str, field: str, expected: str, got: Any) -> ManifestError:
    return ManifestError(
        f"{where}: `{field}` does not fit.",
        expected=expected,
        got=repr(got),
        do="Correct it; docs/manifest.md explains the fields.",
    )
