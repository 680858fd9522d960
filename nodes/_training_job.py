"""What a training node trains: a new model or one more style, and the paintings with their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..core.errors import ConfigError, StyleError
from ..core.spec import IDENTITY
from ..core.style_model import StyleModel
from ..trainers.args import ANY_STYLE, ONE_STYLE, TrainArgs
from . import _file_name, _host
from ._photo_folder import find_folder
from ._selection import wrong_model

if TYPE_CHECKING:  # at run time the trainers are imported late, as the readers are in _library: for a quick start
    from ..trainers.task import StyleTask

NETWORKS = {"tiny 8-16-32": (8, 16, 32), "small 16-48-96": (16, 48, 96), "full 32-64-128": (32, 64, 128)}
DEFAULT_NETWORK = next(name for name, widths in NETWORKS.items() if widths == TrainArgs.widths)

Styles = Mapping[str, Tensor]
"""Name → picture (3, H, W)."""


@dataclass(frozen=True)
class Job:
    """What is trained."""

    make: Callable[[TrainArgs, Path], StyleTask]
    """Options and a folder for temporary files → the task."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of TrainArgs."""
    style_folders: tuple[Path, ...] = ()
    """More paintings."""


def new_model(widgets: Mapping[str, Any], start: StyleModel | None = None) -> Job:
    """Train a network from random weights, or from those of `start`."""

    def make(args: TrainArgs, folder: Path) -> StyleTask:
        from ..core.checkpoints import save_checkpoint
        from ..trainers.methods import make_task

        if start is not None:
            name = start.spec.title if _file_name.is_plain(start.spec.title) else "model"
            path = folder / "start" / f"{name}.safetensors"
            args = replace(args, start_from=save_checkpoint(start, path, dtype=None))
        return make_task(args)

    text, folders = widgets["style_folder"].strip(), ()
    if text and widgets["method"] not in ANY_STYLE:
        raise ConfigError(
            f"The method {widgets['method']} takes no folder of paintings.",
            expected=" or ".join(ANY_STYLE),
            got=f"style_folder {text!r}",
            do="Wire the paintings into style_images, or choose a method that learns from many.",
        )
    if text:
        folders = (find_folder(text, _host.picture_roots(), "style_folder"),)
    options = {"widths": NETWORKS[widgets["network"]], "upsampling": widgets["upsampling"]}
    return Job(make, options, folders)


def extension(model: StyleModel, styles: Styles) -> Job:
    """Teach a CIN model one style more.

    Raises:
        StyleError: Another kind of model, or it has a style of this name.
    """
    if model.style_kind != "conditional":
        raise wrong_model(model, "a CIN model: cin-starter, or one trained with the method cin")
    taken = [name for name in styles if name in model.spec.style_names]
    if taken:
        raise StyleError(
            f"The model already has a style `{taken[0]}`.",
            expected="a new name",
            got=", ".join(model.spec.style_names),
            do="Type another style_name.",
        )

    def make(args: TrainArgs, folder: Path) -> StyleTask:
        from ..core.checkpoints import save_checkpoint
        from ..trainers.add_style import AddStyleTask

        return AddStyleTask(args, save_checkpoint(model, folder / "model.safetensors", dtype=None))

    return Job(make, {"half_size": 0.5})


def named_pictures(entries: Mapping[str, Any], widgets: Mapping[str, Any]) -> Styles:
    """Every picture of every wired batch with its name.

    Raises:
        ConfigError: Nothing wired, more pictures than the method learns, or names that do not fit them.
    """
    wired = [picture for entry in entries.values() if entry is not None for picture in pictures(entry)]
    one_style = widgets["method"] in ONE_STYLE
    if not wired or (one_style and len(wired) > 1):
        raise ConfigError(
            "The style pictures do not fit the method.",
            expected=f"one picture for {widgets['method']}" if one_style else "at least one picture",
            got=f"{len(wired)} pictures",
            do="Wire one picture, or choose cin, which learns several." if wired else "Wire a picture.",
        )
    names = [name.strip() for name in widgets["style_names"].replace("\n", ",").split(",") if name.strip()]
    if not names:
        stem = _file_name.target(Path(), widgets["filename"], overwrite=True).stem
        names = [f"{stem}-{number}" for number in range(1, len(wired) + 1)] if len(wired) > 1 else [stem]
    bad = [name for name in names if not _file_name.is_plain(name) or "/" in name or "\\" in name or name == IDENTITY]
    if bad or len(names) != len(wired) or len(set(names)) != len(names):
        raise ConfigError(
            "The style names do not fit the pictures.",
            expected=f"{len(wired)} different names of letters, digits, - and _ (`{IDENTITY}` is taken)",
            got=", ".join(names),
            do="Correct the names, or leave them empty.",
        )
    return dict(zip(names, wired, strict=True))


def pictures(images: Tensor) -> Iterator[Tensor]:
    """IMAGE (B, H, W, C) → B × (3, H, W), one at a time; alpha is ignored."""
    for image in images:
        yield _host.to_core(image[None])[0, :3]
