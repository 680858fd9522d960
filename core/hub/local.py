"""Finding models on this machine; nothing here touches the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .integrity import check_file
from .manifest import PACK_ROOT, BundledSource, HubSource, WeightEntry, load_manifest
from .pins import find_pin, read_pins
from .places import own_cache, repository_folder

MODEL_SUFFIXES = (".safetensors", ".pth", ".model", ".onnx", ".t7", ".mlmodel", ".pth.tar")


@dataclass(frozen=True)
class ListedModel:
    """One line of a list or a combo."""

    name: str
    """Title of a manifest entry, else the path inside its models folder, with forward slashes."""
    path: Path | None
    """Where it lies; None: not on this machine yet."""
    entry: WeightEntry | None = None
    """The manifest's entry, where it is known there."""

    @property
    def place(self) -> str:
        """Bundled | local | hub (to be downloaded)."""
        if self.path is None:
            return "hub"
        bundled = self.entry is not None and isinstance(self.entry.source, BundledSource)
        return "bundled" if bundled else "local"


def find_weights(reference: str | Path, folders: Iterable[str | Path] = ()) -> Path | None:
    """Local file or folder of a model; never touches the network.

    Args:
        reference: Id or title of the manifest, file name (with or without suffix) or path.
        folders: Models folders, searched in this order after the bundled models and before the Hub's cache.

    Returns:
        The path, or None. What the manifest or a pin describes is verified by size and SHA-256; a path, or a file
        that the user put into a models folder, is taken as it is.

    Raises:
        ChecksumMismatchError: The file that an id or a title stands for has other bytes.
        ManifestError: The manifest or a pin file is damaged.
    """
    folders = [Path(folder) for folder in folders]
    text = str(reference)
    if isinstance(reference, Path) or _looks_like_path(text):
        path = Path(reference).expanduser()
        if path.exists():
            return path
    entry = load_manifest().find(text)
    by_name = entry is not None and isinstance(entry.source, HubSource) and text == entry.filename
    found = _in_folders(text, folders) if by_name else None
    if found is None and entry is not None:
        found = local_path(entry, folders)
    if found is None and not by_name:
        found = _in_folders(text, folders)
    if found is None and entry is None and text and Path(text).exists():
        return Path(text)
    return found


def local_path(entry: WeightEntry, folders: Sequence[Path] = (), *, verify: bool = True) -> Path | None:
    """Where an entry lies on this machine, verified; None where it does not.

    Raises:
        ChecksumMismatchError: It is there, with other bytes; the file stays.
    """
    for path, sha256, size in _candidates(entry, folders):
        if path.is_file():
            if verify:
                check_file(path, sha256, size)
            return path
    return None


def expected_of(entry: WeightEntry, state_folder: Path) -> tuple[str | None, int | None]:
    """SHA-256 and size that the local file must have: the manifest's, else the pin's; None where unknown."""
    if isinstance(entry.source, BundledSource):
        return entry.sha256, entry.bytes
    pin = find_pin(state_folder, entry.source)
    if entry.tensors is None and entry.sha256 is not None:
        return entry.sha256, entry.bytes
    return (pin.sha256, pin.bytes) if pin else (None, None if entry.tensors else entry.bytes)


def list_models(
    folders: Iterable[str | Path] = (), kinds: Sequence[str] = ("style_model",)
) -> list[ListedModel]:
    """All models that can be asked for: bundled, in the folders, in the Hub's cache, and those to be downloaded.

    A title stays in the list, in its place, once the model is downloaded: saved workflows refer to it. Files are
    not hashed here.

    Args:
        folders: Models folders; the first wins where names repeat.
        kinds: Kinds of manifest entries. Files that no entry knows count as style models.
    """
    folders = [Path(folder) for folder in folders]
    entries = load_manifest().entries
    known = [
        ListedModel(e.title, local_path(e, folders, verify=False), e) for e in entries if e.kind in kinds
    ]
    names_of_entries = {e.filename for e in entries}
    files: dict[str, ListedModel] = {}
    if "style_model" in kinds:
        for folder in folders:
            for path in _model_files(folder):
                name = path.relative_to(folder).as_posix()
                if name not in names_of_entries:
                    files.setdefault(name, ListedModel(name, path))
    bundled = [model for model in known if model.place == "bundled"]
    others = [
        m
        for m in known
        if m.place != "bundled" and (m.path or isinstance(m.entry and m.entry.source, HubSource))
    ]
    return [*bundled, *(files[name] for name in sorted(files, key=str.casefold)), *others]


def is_model_folder(path: Path) -> bool:
    """Whether a folder is itself one model: raw variables or a TensorFlow checkpoint, or MicroAST's parts."""
    if not path.is_dir():
        return False
    names = [child.name for child in path.iterdir()]
    raw = "manifest.json" in names and any(
        name == "Variable" or name.startswith("Variable_") for name in names
    )
    tensorflow = any(name.endswith(".index") for name in names) and any(".data-" in name for name in names)
    microast = all(
        any(name.startswith(part) and name.endswith((".pth.tar", ".pth")) for name in names)
        for part in ("content_encoder", "style_encoder", "modulator", "decoder")
    )
    return raw or tensorflow or microast


def _candidates(entry: WeightEntry, folders: Sequence[Path]) -> Iterator[tuple[Path, str | None, int | None]]:
    if isinstance(entry.source, BundledSource):
        yield PACK_ROOT / entry.source.path, entry.sha256, entry.bytes
        return
    for folder in folders:
        yield (folder / entry.filename, *expected_of(entry, folder))
    if entry.tensors is not None:
        yield (own_cache() / entry.filename, *expected_of(entry, own_cache()))
        return
    if not repository_folder(entry.source).is_dir():
        return  # the common case, decided without importing huggingface_hub
    cached = _cached(entry.source)
    if cached is not None:
        yield (cached, *expected_of(entry, own_cache()))


def _cached(source: HubSource) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    from .places import hub_cache

    pin = find_pin(own_cache(), source)
    path = try_to_load_from_cache(
        source.repo_id,
        source.filename,
        cache_dir=hub_cache(),
        revision=pin.commit if pin else source.revision,
        repo_type=source.repo_type,
    )
    return Path(path) if isinstance(path, str) else None


def _in_folders(name: str, folders: Sequence[Path]) -> Path | None:
    """A file or model folder by its path inside a models folder, or by its name with or without suffix."""
    for folder in folders:
        direct = folder / name
        if name and direct.exists() and _inside(direct, folder):
            return _verified_by_pin(direct, folder)
        for path in _model_files(folder):
            if name in (path.name, _stem(path), path.relative_to(folder).as_posix()):
                return _verified_by_pin(path, folder)
    return None


def _verified_by_pin(path: Path, folder: Path) -> Path:
    """What we downloaded is held to its pin; a file that the user put there is theirs."""
    for pin in read_pins(folder):
        if folder / pin.local_name == path:
            check_file(path, pin.sha256, pin.bytes)
    return path


def _model_files(folder: Path) -> Iterator[Path]:
    """Model files and model folders below `folder`, sorted; nothing inside a model folder or a hidden one."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if is_model_folder(path):
                yield path
            else:
                yield from _model_files(path)
        elif path.name.lower().endswith(MODEL_SUFFIXES):
            yield path


def _stem(path: Path) -> str:
    suffix = max((s for s in MODEL_SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)]


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve()) and path.resolve() != folder.resolve()


def _looks_like_path(text: str) -> bool:
    return (
        Path(text).is_file()
        or Path(text).is_absolute()
        or "/" in text
        or "\\" in text
        or text.startswith("~")
    )
