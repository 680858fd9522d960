"""Finding models on this machine; nothing here touches the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .integrity import check_file
from .manifest import PACK_ROOT, BundledSource, HubSource, WeightEntry, load_manifest
from .pins import find_pin, read_pins
from .places import hub_cache, own_cache, repository_folder

MODEL_SUFFIXES = (".safetensors", ".pth", ".model", ".onnx", ".t7", ".mlmodel", ".pth.tar", ".pt")


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
        The path, or None. What the manifest or a pin describes is verified by size and SHA-256; a path, or a
        file that the user put into a models folder, is taken as it is.

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
    """Where an entry lies on this machine; None where it does not.

    Args:
        entry: What to look for.
        folders: Models folders.
        verify: Hash what is found. Without, a file of another size is passed over, as somebody else's.

    Raises:
        ChecksumMismatchError: It is there, with other bytes; the file stays.
        ManifestError: A pin file is damaged.
    """
    for path, state in places_of(entry, folders):
        if path.is_file():
            sha256, size = expected_of(entry, state)
            if verify:
                check_file(path, sha256, size)
            if verify or size in (None, path.stat().st_size):
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


def list_models(folders: Iterable[str | Path] = (), kinds: Sequence[str] = ("style_model",)) -> list[ListedModel]:
    """All models that can be asked for: bundled, in the folders, in the Hub's cache, and not yet here.

    A title stays in the list, in its place, once the model is downloaded: saved workflows refer to it. Files
    are not hashed here.

    Args:
        folders: Models folders; the first wins where names repeat.
        kinds: Kinds of manifest entries. Files that no entry knows count as style models.
    """
    folders = [Path(folder) for folder in folders]
    every = [ListedModel(e.title, local_path(e, folders, verify=False), e) for e in load_manifest().entries]
    known = [model for model in every if model.entry and model.entry.kind in kinds]
    shown = {model.path for model in every}
    files: dict[str, ListedModel] = {}
    if "style_model" in kinds:
        for folder in folders:
            for path in _model_files(folder):
                if path not in shown:
                    name = path.relative_to(folder).as_posix()
                    files.setdefault(name, ListedModel(name, path))
    bundled = [model for model in known if model.place == "bundled"]
    others = [model for model in known if model.entry and isinstance(model.entry.source, HubSource)]
    return [*bundled, *(files[name] for name in sorted(files, key=str.casefold)), *others]


def is_model_folder(path: Path) -> bool:
    """Whether a folder is itself one model: raw variables or a TensorFlow checkpoint, or MicroAST's parts."""
    if not path.is_dir():
        return False
    names = [child.name for child in path.iterdir()]
    raw = "manifest.json" in names and "Variable" in names
    tensorflow = any(name.endswith(".index") for name in names) and any(".data-" in name for name in names)
    microast = all(
        any(name.startswith(part) and name.endswith((".pth.tar", ".pth")) for name in names)
        for part in ("content_encoder", "style_encoder", "modulator", "decoder")
    )
    return raw or tensorflow or microast


def places_of(entry: WeightEntry, folders: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Where an entry may lie, each with the folder whose pins speak of it."""
    if isinstance(entry.source, BundledSource):
        yield PACK_ROOT / entry.source.path, PACK_ROOT
        return
    for folder in folders:
        yield folder / entry.filename, folder
    if entry.tensors is not None:
        yield own_cache() / entry.filename, own_cache()
    elif repository_folder(entry.source).is_dir():  # mostly not: then huggingface_hub is not imported
        cached = _cached(entry.source)
        if cached is not None:
            yield cached, own_cache()


def _cached(source: HubSource) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

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
        if (direct.is_file() or is_model_folder(direct)) and _inside(direct, folder):
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


def _model_files(folder: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Model files and model folders below `folder`, sorted; nothing inside a model folder or a hidden one."""
    real = folder.resolve()
    if not folder.is_dir() or real in seen:  # links may lead in circles
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            if path.name.lower().endswith(MODEL_SUFFIXES):
                yield path
        elif is_model_folder(path):
            yield path
        else:
            yield from _model_files(path, seen | {real})


def _stem(path: Path) -> str:
    suffix = max((s for s in MODEL_SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)]


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve()) and path.resolve() != folder.resolve()


def _looks_like_path(text: str) -> bool:
    return Path(text).is_file() or Path(text).is_absolute() or "/" in text or "\\" in text or text.startswith("~")
