"""From `--model`, `--style` and `--mix` to a model and a style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.checkpoints import inspect_checkpoint, load_checkpoint
from ..core.errors import BrushworkError, ConfigError, StyleError, WeightsNotFoundError
from ..core.hub import BundledSource, list_models, resolve_files
from ..core.hub.local import is_model_folder
from ..core.images import resize_short_side, split_alpha
from ..core.inference.corners import average, corner_mix
from ..core.pictures import PICTURE_SUFFIXES, find_pictures, read_picture
from ..core.spec import answers_to
from ..core.style_model import StyleLayer, StyleModel, StyleSelection
from ._controls import read_mask

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.hub import ListedModel, ProgressFn

MIX = re.compile(r"(?P<style>.+?)=(?P<weight>[^=@]+)(?:@(?P<mask>.+))?", re.DOTALL)
"""STYLE=WEIGHT[@MASK]; styles and masks may be paths with `=` and `@` in them."""

STYLE_SIDE_PX = 512
"""Style pictures are scaled down to this short side: the scale that any-style models were trained at."""


class Chooser:
    """Finds models and styles by what a user wrote.

    Args:
        folders: Models folders.
        style_side_px: Short side that style pictures are scaled to; None: down to `STYLE_SIDE_PX`.
        progress: For downloads.
    """

    def __init__(
        self, folders: Sequence[Path], style_side_px: int | None = None, progress: ProgressFn | None = None
    ) -> None:
        self.folders, self.style_side_px, self.progress = list(folders), style_side_px, progress

    def choose(
        self,
        model: Sequence[str],
        style: str | None,
        mix: Sequence[str],
        corners: Sequence[str] = (),
        at: Sequence[float] = (0.5, 0.5),
    ) -> tuple[StyleModel, StyleSelection]:
        """Model and style of a run.

        Args:
            model: Reference and companions; empty: found by the style.
            style: Name, index, picture or model file; None: the model's first style.
            mix: NAME=WEIGHT or PICTURE=WEIGHT, with @MASK behind it for a place; excludes `style`.
            corners: Four styles, whose mix at the place `at` paints; excludes both.
            at: x and y, 0..1, see core/inference/corners.py.

        Raises:
            BrushworkError: Nothing fits; the message says what there is.
        """
        weights = parse_mix(mix)
        if corners and (mix or style is not None):
            raise ConfigError(
                "--corners excludes --style and --mix.",
                expected="one of them",
                got=f"--corners {' '.join(corners)} and another choice of style",
                do="Leave the other one out.",
            )
        if weights and style is not None:
            raise ConfigError(
                "--style and --mix exclude each other.",
                expected="one of them",
                got=f"--style {style} --mix {' '.join(mix)}",
                do=f"Write --mix {style}=1 {' '.join(mix)} to mix all of them.",
            )
        if not model and style is not None and _is_model(style):
            model, style = [style], None
        wanted = [style] if style else [*corners, *(part.style for part in weights)]
        loaded = self.load(model) if model else self.load(self._model_for(wanted))
        if corners:
            corner_layers = [StyleLayer(self._style(loaded, name)) for name in corners]
            return loaded, corner_mix(corner_layers, *at)
        if weights:
            return loaded, self._mixed(loaded, weights)
        if style is not None and loaded.style_kind == "image" and Path(style).is_dir():
            return loaded, average([self._picture(str(path)) for path in find_pictures([style])])
        return loaded, None if style is None else self._style(loaded, style)

    def load(self, references: Sequence[str]) -> StyleModel:
        """Load a model by path, manifest id or title, with companions."""
        first, *companions = references
        files = resolve_files(first, self.folders, self.progress)
        more = [path for name in companions for path in resolve_files(name, self.folders, self.progress)]
        return load_checkpoint(*files, *(path for path in more if path not in files))

    def _style(self, model: StyleModel, style: str) -> str | int | Tensor:
        if model.style_kind == "image":
            return self._picture(style)
        if model.spec.index_of(style) is None and _is_integer(style):
            return int(style)
        model.style_index(style)
        return style

    def _mixed(self, model: StyleModel, parts: list[MixPart]) -> StyleSelection:
        masks = [None if part.mask is None else read_mask(part.mask) for part in parts]
        return [
            StyleLayer(self._style(model, part.style), part.weight, mask)
            for part, mask in zip(parts, masks, strict=True)
        ]

    def _picture(self, path: str) -> Tensor:
        image, _ = split_alpha(read_picture(path).image)
        side = self.style_side_px or min(STYLE_SIDE_PX, *image.shape[-2:])
        return resize_short_side(image, side)

    def _model_for(self, styles: list[str]) -> list[str]:
        """Reference of the model that has all these styles; without any, the first bundled one."""
        if any(_is_picture(style) for style in styles):
            return [self._any_style_starter()]
        available = [listed for listed in list_models(self.folders) if listed.path is not None]
        names: dict[str, None] = {}
        for listed in available:
            offered = _styles_of(listed)
            fits = offered and all(
                _is_integer(style) or any(answers_to(own, style) for own in offered) for style in styles
            )
            if fits and (styles or _is_bundled(listed)):
                return [_reference(listed)]
            names |= dict.fromkeys(offered)
        raise StyleError(
            f"No model on this machine has {'all of these styles' if len(styles) > 1 else 'this style'}."
            if styles
            else "There is no bundled model to start with.",
            expected=", ".join(names) or "--model ID or FILE",
            got=", ".join(styles) or "neither --model nor --style",
            do="See `brushwork models list --styles`, or name a picture, a model file, or --model.",
        )

    def _any_style_starter(self) -> str:
        from ..core.architectures import ARCHITECTURES

        bundled = [listed for listed in list_models(self.folders) if _is_bundled(listed)]
        kinds = {
            listed.entry.id: listed.entry.architecture
            for listed in bundled
            if listed.entry and ARCHITECTURES[listed.entry.architecture].style_kind == "image"
        }
        if not kinds:
            raise WeightsNotFoundError(
                "No bundled model paints in the style of a picture.",
                expected="an any-style model, such as an AdaIN decoder with its encoder",
                got="none in weights_manifest.json",
                do="Name one with --model FILE [COMPANION].",
            )
        return min(kinds, key=lambda name: kinds[name] != "adain")


@dataclass(frozen=True)
class MixPart:
    """What `--mix` says of one style."""

    style: str
    weight: float
    mask: str | None = None


def parse_mix(mix: Sequence[str]) -> list[MixPart]:
    """STYLE=WEIGHT[@MASK] … → parts, in order.

    Raises:
        ConfigError: No `=`, or no finite number of at least 0 behind it.
    """
    parts: list[MixPart] = []
    for text in mix:
        found = MIX.fullmatch(text)
        try:
            weight = float(found["weight"]) if found else float("nan")
        except ValueError:
            weight = float("nan")
        if not found or not 0 <= weight < float("inf"):
            raise ConfigError(
                "A part of --mix is malformed.",
                expected="NAME=WEIGHT, such as starry-night=0.7, or NAME=WEIGHT@MASK.png",
                got=text,
                do="Give every style a weight of at least 0; their sum need not be 1.",
            )
        parts.append(MixPart(found["style"], weight, found["mask"]))
    return parts


def _is_integer(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def _is_picture(text: str) -> bool:
    """Whether a style is a picture file, by its suffix so that a misspelt path is reported as one, or their folder."""
    return Path(text).suffix.lower() in PICTURE_SUFFIXES or (Path(text).is_dir() and not is_model_folder(Path(text)))


def _is_model(text: str) -> bool:
    path = Path(text)
    return not _is_picture(text) and (path.is_file() or is_model_folder(path))


def _is_bundled(listed: ListedModel) -> bool:
    return listed.path is not None and listed.entry is not None and isinstance(listed.entry.source, BundledSource)


def _reference(listed: ListedModel) -> str:
    return listed.entry.id if listed.entry else str(listed.path)


def _styles_of(listed: ListedModel) -> tuple[str, ...]:
    """Style names without building a network; none for a file that cannot be read."""
    if listed.entry is not None and listed.entry.styles:
        return listed.entry.styles
    try:
        return inspect_checkpoint(listed.path).styles if listed.path is not None else ()
    except BrushworkError:
        return ()  # one damaged file in the models folder must not hide the others
