"""What a person sees of a run: a line of JSON per step, and a strip of fixed photos that is redrawn."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..core.files import atomic_path
from ..core.images import resize_short_side
from ..core.pictures import contact_sheet
from ..core.style_model import StyleModel
from .data import picture_files, read_rgb
from .loop import Progress
from .task import StyleTask

log = logging.getLogger("brushwork.trainers")

SHEET_PX = 256
"""Cell of a contact sheet, and short side of what is painted for it."""


class JsonLines:
    """Callback: append step, seconds and losses to a .jsonl file.

    Raises:
        BrushworkError: At the start, if the folder cannot be written. Later a full disk ends the log, not the run.
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        self.path, self._warned = path, False
        if not append or not path.exists():
            with atomic_path(path):
                pass

    def __call__(self, progress: Progress) -> None:
        """Write one line."""
        losses = progress.losses
        line = {
            "step": progress.step,
            "seconds": round(progress.seconds, 2),
            "style": round(losses.style, 5),
            "content": round(losses.content, 5),
            **{name: round(value, 5) for name, value in losses.more.items()},
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            if not self._warned:
                log.warning("no more lines in %s: %s", self.path, error)
            self._warned = True


class PreviewStrip:
    """Callback: photos × styles as one PNG, at most once a minute and at the end.

    Args:
        task: Whose model is shown.
        path: The PNG.
        photos: Fixed photos, one row each.
        size_px: Short side at most; never above 256.
        paintings: For models that take pictures; the first four are shown.
        every_s: Seconds between two drawings.
        names: For models with named styles, those that are shown; empty: all.
    """

    def __init__(
        self,
        task: StyleTask,
        path: Path,
        photos: Sequence[Path],
        size_px: int,
        paintings: Sequence[Path] = (),
        every_s: float = 60.0,
        names: Sequence[str] = (),
    ) -> None:
        self.task, self.path, self.every_s, self.drawn = task, path, every_s, 0.0
        self.names = names
        self.paintings = [resize_short_side(read_rgb(p), min(256, size_px)) for p in picture_files(paintings)[:4]]
        self.photos = [resize_short_side(read_rgb(photo), min(256, size_px)) for photo in photos]

    def __call__(self, progress: Progress) -> None:
        """Draw, if it is time."""
        if progress.fraction < 1 and time.monotonic() - self.drawn < self.every_s:
            return
        self.drawn = time.monotonic()
        self.draw(self.task.finished(*progress.product()))

    def draw(self, model: StyleModel) -> None:
        """Write what `model` makes of the photos."""
        rows: list[list[Tensor]] = []
        styles = self.paintings or self.names or range(max(1, len(model.spec.styles)))
        for photo in self.photos:
            rows.append([photo, *(model(photo, style) for style in styles)])
        write_grid(rows, self.path)


class ContactSheet:
    """Callback: at the end of a run, its paintings and what was made of them, with names.

    Args:
        task: Whose model is shown.
        path: The picture, PNG or JPEG by its suffix.
        photos: One row each.
        paintings: One column each; for models that take pictures, the first four.
        last: Show only so many of the model's styles, from its end.
    """

    def __init__(
        self, task: StyleTask, path: Path, photos: Sequence[Path], paintings: Sequence[Path], last: int | None = None
    ) -> None:
        self.task, self.path, self.photos, self.last = task, path, photos, last
        self.paintings = picture_files(paintings)

    def __call__(self, progress: Progress) -> None:
        """Draw, if the run is over."""
        if progress.fraction >= 1:
            self.draw(self.task.finished(*progress.product()))

    def draw(self, model: StyleModel) -> None:
        """Write the sheet of `model`."""
        paths = self.paintings[:4] if model.style_kind == "image" else self.paintings
        shown = {path.stem: resize_short_side(read_rgb(path), SHEET_PX) for path in paths}
        styles: dict[str, str | Tensor] = {}
        if model.style_kind == "image":
            styles.update(shown)
        elif model.style_kind == "conditional":
            styles = {name: name for name in model.spec.style_names[-(self.last or 0) :]}
        rows: list[list[Tensor | None]] = [[None, *(shown.get(name) for name in styles or shown)]]
        for path in self.photos:
            photo = resize_short_side(read_rgb(path), SHEET_PX)
            rows.append([photo, *(model(photo, style) for style in list(styles.values()) or [None])])
        sheet = contact_sheet(rows, (), ["photo", *(styles or shown)], cell_px=SHEET_PX)
        with atomic_path(self.path) as temporary:
            sheet.save(temporary, quality=90)


def write_grid(rows: Sequence[Sequence[Tensor]], path: Path) -> None:
    """Rows of (1, 3, H, W) pictures, equal in height and width within a row → PNG, written atomically."""
    from PIL import Image

    strips = [torch.cat([image[0] for image in row], dim=2) for row in rows]
    width = max(strip.shape[2] for strip in strips)
    padded = [torch.nn.functional.pad(strip, (0, width - strip.shape[2]), value=1.0) for strip in strips]
    array = (torch.cat(padded, dim=1).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    with atomic_path(path) as temporary:
        Image.fromarray(array).save(temporary, "PNG")
