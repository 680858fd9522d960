"""What the page asks for: the style browser's list, thumbnails, previews and downloads, and the settings' facts.

web/js/server.js is the other end. Names that come from the page are only compared with lists that were made
here; the one that becomes part of a path, the photo's, is held inside ComfyUI's folders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, WeightsNotFoundError
from ..core.hub import ProgressFn, list_models, resolve_files
from ..core.hub.browse import Catalogue
from ..core.hub.jobs import Cancelled, Downloads
from ..core.hub.manifest import PACK_ROOT
from ..core.hub.offline import offline_reason
from ..core.hub.repository import get_repository
from ..core.hub.search import search_styles
from ..core.inference.preview import Previewer
from . import _host, _host_routes, _library, _settings
from ._host_routes import Values, text

DOWNLOAD = "brushwork.download"
"""Message with `model`, `done` and `total` in bytes."""

SAMPLE_PHOTO = PACK_ROOT / "assets" / "samples" / "chelsea.jpg"
"""What is painted while the user has no photo of their own in the graph."""

_catalogue = Catalogue()
_downloads = Downloads()
_previewer = Previewer()
_published: set[str] = set()
"""Repositories that a search has shown: only those are downloaded."""


def register() -> None:
    """Make the routes known to ComfyUI's server."""
    _host_routes.add_routes(
        gets={"styles": styles, "thumbnail": thumbnail, "facts": facts},
        posts={"preview": preview, "search": search, "download": download, "cancel": cancel, "folder": folder},
    )


def styles(_: Values) -> dict[str, Any]:
    """Every style that can be had, as cards; `model` is the value of Load Style Model's list."""
    _settings.current()
    cards = _catalogue.cards(_host.model_folders())
    rows = [{**card.to_dict(), "model": _library.choice_of(card.model)} for card in cards]
    return {"styles": rows, "offline": offline_reason()}


def thumbnail(values: Values) -> bytes:
    """JPEG by digest: `?digest=…` of a card."""
    digest = text(values, "digest", 64)
    found = _catalogue.thumbnail(digest)
    if found is None:  # this server has started since the page got its list
        _catalogue.cards(_host.model_folders())
        found = _catalogue.thumbnail(digest)
    if found is None:
        raise WeightsNotFoundError(
            "There is no such thumbnail.",
            expected="the digest of a style's thumbnail",
            got=repr(digest),
            do="Open the style browser again: a model file has changed.",
        )
    return found


def preview(values: Values) -> bytes:
    """The user's photo, small, in a style: `model`, `style`, `photo` and, for any-style models, `style_picture`."""
    name = _listed(text(values, "model"))
    if not any(model.name == name and model.path is not None for model in list_models(_host.model_folders())):
        raise WeightsNotFoundError(
            f"{name} is not on this machine.",
            expected="a model that is bundled, local or downloaded",
            got="one that is still on the Hub",
            do="Download it first.",
        )
    files = resolve_files(name, _host.model_folders())
    picture = text(values, "style_picture")
    style = _host.picture_file(picture) if picture else text(values, "style") or None
    return _previewer.paint(files, _photo(text(values, "photo")), style)


def search(values: Values) -> dict[str, Any]:
    """What others have published on the Hub: `words`, or the name of a repository."""
    _settings.current()
    cards = search_styles(text(values, "words"))
    _published.update(card.model for card in cards)
    return {"styles": [card.to_dict() for card in cards]}


def download(values: Values) -> dict[str, Any]:
    """Get a `model` of the list, or of a search, from the Hub. The answer comes when it is there, or cancelled.

    Returns:
        `model`: its name in the list from now on.
    """
    choice = text(values, "model")
    folders = _host.model_folders()
    name = choice if choice in _published else _listed(choice)

    def fetch(progress: ProgressFn) -> str:
        if choice not in _published:
            resolve_files(name, folders, progress)
            return choice
        return get_repository(name, folders[0], progress).relative_to(folders[0]).as_posix()

    def report(done: int, total: int) -> None:
        _host_routes.announce(DOWNLOAD, {"model": choice, "done": done, "total": total})

    try:
        model = _downloads.run(choice, fetch, report)
    except Cancelled:
        return {"cancelled": True, "model": choice}
    _host.models_changed()
    return {"cancelled": False, "model": model}


def cancel(values: Values) -> dict[str, Any]:
    """Stop the download of `model`."""
    return {"stopped": _downloads.cancel(text(values, "model"))}


def facts(_: Values) -> dict[str, Any]:
    """What the settings dialog shows: the models folders, and whether something else than it forbids the network."""
    _settings.current()
    return {"folders": [str(path) for path in _host.model_folders()], "offline": offline_reason()}


def folder(values: Values) -> dict[str, str]:
    """Check a further models folder before the page adds it to the settings: `path`."""
    typed = text(values, "path").strip()
    path = Path(typed).expanduser()
    if not typed or not path.is_absolute() or not path.is_dir():
        raise ConfigError(
            f"{typed or 'Nothing'} cannot be a models folder.",
            expected="the full path of a folder on the computer that runs ComfyUI",
            got="no full path" if not path.is_absolute() else "no such folder",
            do="Make the folder first, or correct the path.",
        )
    return {"path": str(path)}


def _listed(choice: str) -> str:
    """The name of a model of the list, as core knows it.

    Raises:
        WeightsNotFoundError: There is none; paths and names from outside the list included.
    """
    if choice not in _library.model_choices():
        raise WeightsNotFoundError(
            f"There is no model {choice!r}.",
            expected="a model of the list",
            got="another name",
            do="Open the style browser again: the list may have changed.",
        )
    return _library.plain_name(choice)


def _photo(name: str) -> Path:
    return _host.picture_file(name) if name else SAMPLE_PHOTO
