"""Everything that can be painted with, as cards: each style of each model, with picture, method and licence.

Nothing here touches the network or reads a tensor; `search.py` adds what the Hub has beyond the manifest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .bundled import read_native_header
from .local import ListedModel, list_models
from .manifest import WeightEntry

METHODS = ("vanilla", "in", "cin", "comatch", "adain", "microast", "unknown")
"""Filter values; `unknown` are files whose format would have to be loaded to tell."""

ANY_STYLE = ("comatch", "adain", "microast")
"""Methods whose style is a picture given at run time."""

_METHOD_OF = {
    "conditional_transformer_net": "cin",
    "comatch": "comatch",
    "msg_net": "comatch",
    "adain": "adain",
    "microast": "microast",
}
HIDDEN = "identity"
"""The style that paints the photo itself is a part of `strength`, not a choice."""

MAX_THUMBNAIL_BYTES = 1 << 16
"""Ours have 4 KB; a header may say anything."""

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class StyleCard:
    """One style of one model."""

    model: str
    """Name of the model as `list_models` and `resolve_model` know it."""
    style: str
    """Name of the style inside the model; empty: the only one, or any picture."""
    title: str
    """For people: the painting, or the model where it has no named styles."""
    model_title: str
    method: str
    """One of `METHODS`."""
    place: str
    """Bundled | local | hub (to be downloaded)."""
    license: str
    """SPDX id of the weights' licence, or `unknown`."""
    attribution: str = ""
    """Who painted or made it."""
    stroke: str = ""
    """`small` or `large` where a model has a painting at several stroke sizes."""
    bytes: int | None = None
    """Size of the download, where it is known."""
    thumbnail: bytes = b""
    """JPEG, or empty."""

    @property
    def digest(self) -> str:
        """Name of the thumbnail by its content; empty without one."""
        return hashlib.sha256(self.thumbnail).hexdigest()[:16] if self.thumbnail else ""

    @property
    def any_style(self) -> bool:
        """Whether the style is a picture given at run time."""
        return self.method in ANY_STYLE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the thumbnail by its digest."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**row, "thumbnail": self.digest, "any_style": self.any_style}


class Catalogue:
    """All cards, and their thumbnails by digest. Headers of files are read once, until the file changes."""

    def __init__(self) -> None:
        self._headers: dict[Path, tuple[tuple[int, int], Mapping[str, Any]]] = {}
        self._thumbnails: dict[str, bytes] = {}

    def cards(self, folders: Iterable[str | Path] = ()) -> list[StyleCard]:
        """Every style: bundled, in the folders, in the Hub's cache, and not yet downloaded, in this order.

        Args:
            folders: Models folders; the first wins where names repeat.

        Raises:
            ManifestError: The manifest or a pin file is damaged.
        """
        found = [card for model in list_models(folders) for card in self._cards_of(model)]
        return self.remember(found)

    def remember(self, cards: list[StyleCard]) -> list[StyleCard]:
        """Make the thumbnails of cards from elsewhere available too; returns the cards."""
        self._thumbnails.update({card.digest: card.thumbnail for card in cards if card.thumbnail})
        return cards

    def thumbnail(self, digest: str) -> bytes | None:
        """JPEG of a card that was listed; None: there is none of that name."""
        return self._thumbnails.get(digest)

    def _cards_of(self, model: ListedModel) -> list[StyleCard]:
        header = self._header(model.path) if model.path is not None else {}
        if header.get("kind", "style_model") != "style_model":
            return []
        return cards_from_header(header, model.name, model.place, model.entry)

    def _header(self, path: Path) -> Mapping[str, Any]:
        """What one of our own files says of itself; empty for every other file."""
        try:
            status = path.stat()
        except OSError:  # gone since it was listed
            return {}
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._headers.get(path)
        if known is None or known[0] != stamp:
            try:
                header = read_native_header(path) if path.suffix == ".safetensors" and path.is_file() else {}
            except CheckpointError:
                header = {}
            self._headers[path] = known = (stamp, header if isinstance(header, Mapping) else {})
        return known[1]


def cards_from_header(
    header: Mapping[str, Any], name: str, place: str, entry: WeightEntry | None = None
) -> list[StyleCard]:
    """The cards of one model.

    Args:
        header: The JSON of a native file; empty where the file is not here or is of another format.
        name: The model's name in the list.
        place: bundled | local | hub.
        entry: The manifest's entry, which fills in what the header lacks.
    """
    model_title = _text(header, "title") or (entry.title if entry else name)
    method = method_of(header, entry)
    shared: dict[str, Any] = {
        "model": name,
        "model_title": entry.title if entry else model_title,
        "method": method,
        "place": place,
        "license": _licence(header, entry),
        "bytes": entry.bytes if entry else None,
    }
    attribution = _text(header, "attribution") or (entry.attribution if entry else "")
    own = jpeg_from_base64(_text(header, "thumbnail")) or jpeg_from_base64(entry.thumbnail if entry else "")
    rows = [row for row in header.get("styles") or [] if isinstance(row, Mapping) and _text(row, "name")]
    if not rows and entry is not None:
        rows = [{"name": style} for style in entry.styles]
    rows = [row for row in rows if row["name"] != HIDDEN]
    if not rows or method in ANY_STYLE:
        return [StyleCard(style="", title=model_title, attribution=attribution, thumbnail=own, **shared)]
    return [
        StyleCard(
            style=_text(row, "name"),
            title=_text(row, "title") or (model_title if len(rows) == 1 else _spoken(_text(row, "name"))),
            attribution=_text(row, "attribution") or attribution,
            stroke=_text(row, "name").partition("--")[2],
            thumbnail=jpeg_from_base64(_text(row, "thumbnail")) or (own if len(rows) == 1 else b""),
            **shared,
        )
        for row in rows
    ]


def method_of(header: Mapping[str, Any], entry: WeightEntry | None = None) -> str:
    """One of `METHODS`.

    A one-style network that is not here counts as IN, which the reference behind those layouts uses.
    """
    architecture = _text(header, "architecture") or (entry.architecture if entry else "")
    if architecture == "transformer_net":
        hyperparameters = header.get("hyperparameters")
        batch = isinstance(hyperparameters, Mapping) and hyperparameters.get("norm") == "batch"
        return "vanilla" if batch else "in"
    return _METHOD_OF.get(architecture, "unknown")


def jpeg_from_base64(text: str | None) -> bytes:
    """The JPEG in a header or a manifest; empty where there is none, or where it is something else."""
    if not text or len(text) > MAX_THUMBNAIL_BYTES * 4 // 3 + 4:
        return b""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if data.startswith(_JPEG) else b""


def _licence(header: Mapping[str, Any], entry: WeightEntry | None) -> str:
    own = _text(header, "license")
    return own if own and own != "unknown" else (entry.license if entry else "unknown")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _spoken(name: str) -> str:
    """`starry-night--small` → `Starry night`."""
    return name.partition("--")[0].replace("-", " ").replace("_", " ").strip().capitalize()
