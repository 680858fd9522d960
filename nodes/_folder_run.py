"""From the widgets of Stylize Folder to core.pictures.folder: places, style, progress, preview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.color import ColorMode
from ..core.errors import StyleError
from ..core.images import to_bhwc
from ..core.inference import Precision, StyleSelection
from ..core.inference.stream import Painting
from ..core.inference.stream_file import is_large, stream_file
from ..core.inference.style_cache import selection_key
from ..core.pictures.folder import SAME_FORMAT, ByRows, FolderReport, paint_folder, plan_folder
from ..core.pictures.rows import picture_size
from . import _folders, _host
from ._hosted_model import HostedModel
from ._paint import paint
from ._selection import style_from_text, style_picture

FORMATS = [SAME_FORMAT, "png", "jpg", "webp"]
EXISTING = ["resume", "replace"]


def run(
    hosted: HostedModel,
    style: str,
    style_image: Tensor | None,
    *,
    input_folder: str,
    output_folder: str,
    strength: float,
    preserve_color: ColorMode,
    format: str,
    existing: str,
    subfolders: bool,
    precision: Precision,
) -> tuple[Path, FolderReport]:
    """Paint a folder; the arguments are the node's inputs.

    Raises:
        ConfigError: A folder outside ComfyUI's, or the same for both.
        ImageError: No picture there, or none that can be read.
        StyleError: A style that the model does not have.
    """
    source = _folders.inside(input_folder, _host.readable_roots(), "input_folder", must_exist=True)
    target = _folders.inside(output_folder, [_host.output_root()], "output_folder", must_exist=False)
    selection = _selection(hosted, style, style_image)
    plan = plan_folder(source, target, format if format == SAME_FORMAT else f".{format}", subfolders=subfolders)
    bar, total = _host.Progress(len(plan)), len(plan)

    def one(image: Tensor) -> Tensor:
        painted = paint(
            hosted,
            to_bhwc(image),
            selection,
            strength,
            preserve_color=preserve_color,
            precision=precision,
            bar=_host.OnlyCancel(),
        )
        return _host.to_core(painted)

    def large(photo: Path, painting: Path) -> str:
        height, width = picture_size(photo) or (1, 1)
        stylizer = hosted.stylizer(precision, 1, height, width)
        how = Painting(selection, strength, preserve_color=preserve_color)
        cancel = _host.OnlyCancel()
        return stream_file(stylizer, photo, painting, how, on_strip=lambda share: cancel.part(share, 1))

    known = hosted.stylizer(precision, 1, 1, 1)
    by_rows = ByRows(lambda photo: is_large(photo, known), large)

    def done(number: int, _: int, painting: Tensor | None) -> None:
        bar(number, total)
        if painting is not None:
            bar.show(number, total, painting[0])

    settings = {
        "model": repr(selection_key([*hosted.model.network.state_dict().values(), hosted.model.spec.margin_px])),
        "style": repr(selection_key(selection)),
        "strength": strength,
        "preserve_color": preserve_color,
        "precision": precision,
    }
    report = paint_folder(plan, target, one, settings, replace_all=existing == "replace", by_rows=by_rows, done=done)
    return target, report


def _selection(hosted: HostedModel, style: str, style_image: Any) -> StyleSelection:
    if hosted.model.style_kind != "image":
        return style_from_text(style, hosted.model)
    if style_image is None:
        raise StyleError(
            "This model paints in the style of a picture, and none is wired.",
            expected="a picture in `style_image`",
            got="nothing",
            do="Wire Load Image into `style_image`.",
        )
    return style_picture(style_image)[:1]
