"""The folder of a published style: the model, its card, sample paintings, and an index for programs."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..files import atomic_path
from ..spec import IDENTITY, ModelSpec, StyleInfo
from .card import CardFiles, may_be_shown, model_card, not_shown, row_labels
from .integrity import sha256_of
from .repository import check_repo_id

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..style_model import StyleModel
    from .download import ProgressFn

INDEX = "brushwork.json"
"""What a browser shows of the repository without reading the weights."""

CARD, OVERVIEW, IMAGES = "README.md", "images/overview.jpg", "images"
PAINTED_SIDE_PX, PICTURE_SIDE_PX, CELL_PX = 384, 512, 224
JPEG_QUALITY = 85

PaintFn = Callable[["Tensor", "str | int | Tensor | None"], "Tensor"]
"""paint(photo (1, 3, H, W), style) → painting of the same shape; a Stylizer is one."""


@dataclass(frozen=True)
class ShowcaseOptions:
    """What the publisher says of the model."""

    repo_id: str
    """USER/NAME on the Hub; NAME becomes the file's name."""
    license: str = ""
    """SPDX id of the weights' licence; empty: as the file says."""
    title: str = ""
    """Empty: as the file says, else NAME."""
    attribution: str = ""
    """Who made the weights; empty: as the file says."""
    picture_license: str = ""
    """Of the style pictures whose licence the file does not know, such as the publisher's own painting."""
    float32: bool = False
    """Keep all bits; False: half the size."""


@dataclass(frozen=True)
class Showcase:
    """A finished folder."""

    folder: Path
    files: tuple[str, ...]
    """Paths inside it, with forward slashes: what goes to the Hub, and nothing else."""
    notes: tuple[str, ...] = field(default=())
    """What the publisher should know: pictures that were left out, and why."""

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum((self.folder / name).stat().st_size for name in self.files)


def make_showcase(
    model: StyleModel,
    paint: PaintFn,
    photos: Mapping[str, Tensor],
    folder: str | Path,
    options: ShowcaseOptions,
    *,
    pictures: Mapping[str, Tensor] | None = None,
    photos_credit: str = "",
    progress: ProgressFn | None = None,
) -> Showcase:
    """Write everything that is published; nothing is sent anywhere.

    The model is written as one native file, whole, with what the options say. A style picture, and the thumbnail
    of it inside the model file, is published only where its licence allows it.

    Args:
        model: Any StyleModel; not modified.
        paint: How photos are painted with it.
        photos: Name → (1, 3, H, W), 0..1, scaled down here. The first stands in the card's table.
        folder: Made where it is missing. Refused where it holds something else than an earlier showcase.
        options: Repository, licence, title.
        pictures: Style name → its picture (1, 3, H, W); shown larger than the thumbnail in the model file. For an
            any-style model: pictures whose styles the samples are painted in, all of which the publisher may show.
        photos_credit: A sentence on the photos for the card.
        progress: Called with (steps done, steps in all); what it raises passes through.

    Raises:
        ConfigError: A malformed repository id, an unknown licence, or a folder with other things.
        BrushworkError: The folder cannot be written.
    """
    from ..checkpoints import save_checkpoint

    folder, repo_id = Path(folder), check_repo_id(options.repo_id)
    spec = published_spec(model.spec, options)
    _check_folder(folder)
    filename = f"{repo_id.split('/')[1]}.safetensors"
    writer = _Writer(folder)
    styles: dict[str, Any] = {style.name: style.name for style in spec.styles}
    shown = dict(pictures or {}) if model.style_kind == "image" else _free_pictures(spec, pictures or {})
    if model.style_kind == "image":
        styles = dict(shown)
    small = {name: _scaled(photo, PAINTED_SIDE_PX) for name, photo in photos.items()}
    total, done = len(styles) * len(small) + 1, 0
    painted: dict[str, list[Tensor]] = {}
    for name, style in styles.items():
        painted[name] = []
        for photo in small.values():
            painted[name].append(paint(photo, style))
            done += 1
            if progress is not None:
                progress(done, total)
    paintings = {
        name: writer.picture(f"{IMAGES}/{slug}.jpg", painted[name][0])
        for name, slug in _slugs(painted).items()
        if painted[name] and name != IDENTITY
    }
    slugs = _slugs(shown)
    originals = {
        name: writer.picture(f"{IMAGES}/{slugs[name]}--painting.jpg", _scaled(picture, PICTURE_SIDE_PX))
        for name, picture in shown.items()
    }
    _write_overview(writer, small, painted, spec)
    dtype = _dtype(options.float32)
    save_checkpoint(type(model)(model.network, spec), folder / filename, dtype=dtype)
    writer.names.append(filename)
    files = CardFiles(filename, OVERVIEW, originals, paintings, photos_credit)
    writer.text(CARD, model_card(spec, repo_id, files))
    writer.text(INDEX, json.dumps(_index(spec, repo_id, folder / filename, files), indent=1, ensure_ascii=False))
    if progress is not None:
        progress(total, total)
    return Showcase(folder, tuple(writer.names), tuple(_notes(spec, model)))


def published_spec(spec: ModelSpec, options: ShowcaseOptions) -> ModelSpec:
    """What the published file says of itself.

    Raises:
        ConfigError: Neither the file nor the options name a licence of the weights.
    """
    licence = options.license.strip() or spec.license
    if licence in ("", "unknown"):
        raise ConfigError(
            "The licence of the weights is unknown.",
            expected="an SPDX id such as MIT, Apache-2.0 or CC-BY-4.0, from whoever trained them",
            got=f"{spec.license!r} in the file, and none was given",
            do="Name it (--license, or `license` of the node), if the weights are yours to publish.",
        )
    return spec.with_(
        license=licence,
        title=options.title.strip() or spec.title or options.repo_id.split("/")[-1],
        attribution=options.attribution.strip() or spec.attribution,
        styles=tuple(_published_style(style, options.picture_license.strip()) for style in spec.styles),
        provenance={key: _without_path(value) for key, value in spec.provenance.items()},
        thumbnail="",  # painted in the styles of training pictures, whose licences nobody named
    )


def _published_style(style: StyleInfo, picture_license: str) -> StyleInfo:
    if style.license == "unknown" and picture_license:
        style = replace(style, license=picture_license)
    training = {key: _without_path(value) for key, value in style.training.items()}
    thumbnail = style.thumbnail if may_be_shown(style) or style.name == IDENTITY else ""
    return replace(style, training=training, thumbnail=thumbnail)


def _without_path(value: Any) -> Any:
    """Training records may name files of the publisher's machine: only the last part is anybody's business."""
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, str) and (value.startswith(("/", "~", "\\\\")) or PureWindowsPath(value).drive):
        return PurePosixPath(value.replace("\\", "/")).name
    if isinstance(value, Mapping):
        return {key: _without_path(inner) for key, inner in value.items()}
    return [_without_path(inner) for inner in value] if isinstance(value, list | tuple) else value


def _free_pictures(spec: ModelSpec, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Style → the largest picture of it that there is and that may be shown."""
    found: dict[str, Tensor] = {}
    for style in spec.styles:
        if style.name == IDENTITY or not may_be_shown(style):
            continue
        picture = given[style.name] if style.name in given else _from_thumbnail(style)
        if picture is not None:
            found[style.name] = picture
    return found


def _from_thumbnail(style: StyleInfo) -> Tensor | None:
    if not style.thumbnail:
        return None
    import numpy as np
    import torch
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(style.thumbnail, validate=True))) as image:
            array = np.array(image.convert("RGB"))
    except (OSError, ValueError, binascii.Error):
        return None  # a damaged thumbnail must not keep a model from being published
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


def _scaled(image: Tensor, side_px: int) -> Tensor:
    """Down to a longer side, never up."""
    from ..images import resize_image

    ratio = min(1.0, side_px / max(image.shape[-2:]))
    height, width = (max(1, round(side * ratio)) for side in image.shape[-2:])
    return resize_image(image[:1, :3], height, width)


def _write_overview(
    writer: _Writer, photos: Mapping[str, Tensor], painted: Mapping[str, list[Tensor]], spec: ModelSpec
) -> None:
    from ..pictures import contact_sheet

    rows = [list(photos.values()), *painted.values()]
    sheet = contact_sheet(rows, ["photo", *row_labels(list(painted), spec)], cell_px=CELL_PX)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=JPEG_QUALITY)
    writer.bytes(OVERVIEW, buffer.getvalue())


def _index(spec: ModelSpec, repo_id: str, path: Path, files: CardFiles) -> dict[str, Any]:
    """The model in the words of the weights manifest, with the pictures of its card."""
    styles = [
        {
            "name": style.name, "title": style.title, "license": style.license, "attribution": style.attribution,
            "picture": files.pictures.get(style.name), "painting": files.paintings.get(style.name),
        }
        for style in spec.styles
    ]  # fmt: skip
    return {
        "schema_version": 1,
        "repo_id": repo_id,
        "filename": files.model,
        "title": spec.title,
        "architecture": spec.architecture,
        "license": spec.license,
        "attribution": spec.attribution,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path, fresh=True),
        "overview": files.overview,
        "styles": styles,
    }


def _notes(spec: ModelSpec, model: StyleModel) -> list[str]:
    hidden = not_shown(spec.styles) if model.style_kind != "image" else []
    return [f"The picture of these styles is left out: {'; '.join(hidden)}."] if hidden else []


def _dtype(float32: bool) -> torch.dtype:
    import torch

    return torch.float32 if float32 else torch.float16


def _slugs(names: Mapping[str, Any]) -> dict[str, str]:
    """Name → a file name that every system and address takes; no two alike."""
    slugs: dict[str, str] = {}
    for name in names:
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "style"
        taken = {other.lower() for other in slugs.values()}
        numbered, number = slug, 2
        while numbered.lower() in taken or numbered.lower() == "overview":
            numbered, number = f"{slug}-{number}", number + 1
        slugs[name] = numbered
    return slugs


def _check_folder(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / INDEX).is_file():
        raise ConfigError(
            f"{folder} holds other things.",
            expected=f"a new or empty folder, or an earlier one of ours with {INDEX}",
            got=", ".join(sorted(path.name for path in folder.iterdir())[:5]),
            do="Name another folder.",
        )


class _Writer:
    """Writes into the folder and remembers what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def bytes(self, name: str, data: bytes) -> str:
        with atomic_path(self.folder / name) as temporary:
            temporary.write_bytes(data)
        self.names.append(name)
        return name

    def text(self, name: str, text: str) -> str:
        return self.bytes(name, text.encode("utf-8"))

    def picture(self, name: str, image: Tensor) -> str:
        from ..pictures import write_picture

        write_picture(image, self.folder / name, quality=JPEG_QUALITY)
        self.names.append(name)
        return name
