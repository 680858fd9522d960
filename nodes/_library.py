"""The models that a user can pick, and those that are already loaded."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from weakref import WeakValueDictionary

from ..core.errors import BrushworkError, CheckpointError
from ..core.hub import (
    HubSource,
    ListedModel,
    find_weights,
    list_models,
    load_manifest,
    resolve_files,
    resolve_model,
)
from ..core.hub.bundled import read_native_header
from ..core.hub.repository import find_repository, get_repository
from . import _host
from ._hosted_model import HostedModel

HUB_MARK = " (hub)"
"""Behind titles of the Hub, downloaded or not: a saved workflow must find the same name again."""

AUTOMATIC = "automatic"
"""The companion that the manifest names, if any."""

_loaded: WeakValueDictionary[Hashable, HostedModel] = WeakValueDictionary()
"""What ComfyUI's cache of outputs holds, so that two loaders share it. It alone decides how long a model stays:
after "Free model and node cache" nothing is left, and reading a starter again takes 20 ms."""


def model_choices() -> list[str]:
    """One list: bundled models, local files, titles of the Hub. A download changes no name."""
    return _choices(("style_model",))


def companion_choices() -> list[str]:
    """`automatic`, then every file or title that could be the missing half of a model."""
    return [AUTOMATIC, *_choices(("encoder", "style_model"))]


def encoder_choices() -> list[str]:
    """Loss networks: those that come with Brushwork, those of the Hub, and local files."""
    try:
        known = [entry for entry in load_manifest().entries if entry.kind == "encoder"]
        files = [model for model in list_models(_host.model_folders()) if model.entry is None]
    except (BrushworkError, OSError) as error:
        _host.log.error("The encoders cannot be listed. %s", error)
        return []
    bundled = [entry.id for entry in known if not isinstance(entry.source, HubSource)]
    hub = [entry.id + HUB_MARK for entry in known if isinstance(entry.source, HubSource)]
    local = [model.name for model in files if model.path and _may_be_encoder(model.path)]
    return [*bundled, *hub, *local]


def encoder_file(name: str, progress: Callable[[int, int], None]) -> Path:
    """The file of one of `encoder_choices`; downloaded where it is missing.

    Args:
        name: As in the list.
        progress: Called with (bytes done, bytes in all) of a download; may raise to interrupt.
    """
    return resolve_model(plain_name(name), _host.model_folders(), progress)


def _may_be_encoder(path: Path) -> bool:
    """What our own files say; of others, whose contents would have to be loaded, the name tells."""
    if path.suffix != ".safetensors":
        return any(word in path.name.lower() for word in ("vgg", "encoder"))
    try:
        return read_native_header(path).get("kind") == "encoder"
    except CheckpointError:
        return False


def _choices(kinds: tuple[str, ...]) -> list[str]:
    try:
        models = list_models(_host.model_folders(), kinds)
    except (BrushworkError, OSError) as error:
        # The list is part of the node's definition: an error here would take the node off the menu.
        _host.log.error("The style models cannot be listed. %s", error)
        return []
    return [model.name + HUB_MARK * _from_hub(model) for model in models]


def _from_hub(model: ListedModel) -> bool:
    return model.entry is not None and isinstance(model.entry.source, HubSource)


def fingerprint(model: str, companion: str) -> str:
    """Changes when a file behind the names changes; touches no network."""
    folders = _host.model_folders()
    names = [model] if companion == AUTOMATIC else [model, companion]
    paths = [find_weights(plain_name(name), folders) for name in names]
    return repr([_stamp(path) if path else name for path, name in zip(paths, names, strict=True)])


def load(model: str, companion: str, progress: Callable[[int, int], None]) -> HostedModel:
    """A model by the name in the list; downloaded and read where it is not in memory already.

    Args:
        model: One of `model_choices`.
        companion: One of `companion_choices`.
        progress: Called with (bytes done, bytes in all) of a download; may raise to interrupt.
    """
    folders = _host.model_folders()
    if companion == AUTOMATIC:
        paths = resolve_files(plain_name(model), folders, progress)
    else:
        paths = tuple(resolve_model(plain_name(name), folders, progress) for name in (model, companion))
    return _hosted(paths)


def load_repository(repository: str, progress: Callable[[int, int], None]) -> HostedModel:
    """A model by the name of its repository on the Hub; downloaded and read where it is not in memory already.

    Args:
        repository: user/name, user/name/file, or the address of a page of the Hub.
        progress: As for `load`.
    """
    folder = _host.model_folders()[0]
    here = find_repository(repository, [folder])
    path = get_repository(repository, folder, progress)
    if here is None:
        _host.models_changed()
    return _hosted((path,))


def repository_fingerprint(repository: str) -> str:
    """Changes when the file of a repository changes or goes; touches no network."""
    path = find_repository(repository, _host.model_folders()[:1])
    return repr(_stamp(path) if path else repository)


def _hosted(paths: tuple[Path, ...]) -> HostedModel:
    key = tuple(_stamp(path) for path in paths)
    hosted = _loaded.get(key)
    if hosted is None:
        from ..core.checkpoints import load_checkpoint  # the readers of all formats: half of the pack's import time

        with _host.ordinary_tensors():
            style_model = load_checkpoint(*paths)
        _host.log.info("loaded %s from %s", style_model.spec.architecture, " + ".join(path.name for path in paths))
        hosted = _loaded[key] = HostedModel(style_model)
    return hosted


def choice_of(name: str) -> str:
    """The line of `model_choices` that stands for a model of core's list."""
    entry = load_manifest().find(name)
    return name + HUB_MARK * (entry is not None and entry.title == name and isinstance(entry.source, HubSource))


def plain_name(name: str) -> str:
    """Without the mark, where it is one and not the end of a file's name."""
    title = name.removesuffix(HUB_MARK)
    return title if load_manifest().find(title) else name


def _stamp(path: Path) -> Hashable:
    """Path, newest modification and size; of all files in a model that is a folder."""
    files = sorted(child for child in path.rglob("*") if child.is_file()) if path.is_dir() else [path]
    stats = [file.stat() for file in files]
    return str(path.resolve()), max(s.st_mtime_ns for s in stats), sum(s.st_size for s in stats)
