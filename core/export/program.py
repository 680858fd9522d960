"""The same interface as a torch module, and its two files: TorchScript (.ts) and ExportedProgram (.pt2)."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .plan import ExportPlan

EXAMPLE = (2, 3, 71, 97)
"""Of the tracing: batch and sides that are no special case of anything."""
STYLE_EXAMPLE = (1, 3, 69, 83)
DEFERRED = "prefer_deferred_runtime_asserts_over_guards"


class ExportModule(nn.Module):
    """Photo (B, 3, H, W) in 0..1, any H and W ≥ 1, and the plan's style inputs → painting (B, 3, H, W) in 0..1."""

    def __init__(self, plan: ExportPlan) -> None:
        super().__init__()
        self.plan = plan
        self.network = plan.model.network
        for index, part in enumerate(plan.features):
            self.register_buffer(f"feature_{index}", part)

    def forward(self, photo: Tensor, *style: Tensor) -> Tensor:
        """Paint; nothing depends on the sizes of the example."""
        height, width = photo.shape[-2:]
        spec, side = self.plan.model.spec, self.network.min_side
        if self.plan.style_input == "picture":
            style = (_grown(style[0], side),)
        around = _mirrored(photo, spec.margin_px) if spec.margin_px else photo
        inside = spec.normalization.encode(_grown(around, side))
        painting = self.network(inside, self.plan.code(style))
        # by index: a slice would make a rule of "the network gives no fewer rows than there are in the photo"
        rows = torch.arange(height, device=photo.device) + spec.margin_px
        columns = torch.arange(width, device=photo.device) + spec.margin_px
        painting = painting.index_select(-2, rows).index_select(-1, columns)
        return spec.normalization.decode(painting).clamp(0, 1)


class EncoderModule(nn.Module):
    """Style picture (1, 3, h, w) in 0..1 → the features that the style input `features` takes."""

    def __init__(self, plan: ExportPlan) -> None:
        super().__init__()
        self.plan = plan
        self.network = plan.model.network

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Encode."""
        return self.plan.encode_style(_grown(picture, self.network.min_side))


def _grown(image: Tensor, side_px: int) -> Tensor:
    """`images.pad_to_side` without a branch on the size."""
    if torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
        return _grown_in_script(image, side_px)
    height, width = image.shape[-2:]
    rows = torch.arange(torch.sym_max(height, side_px), device=image.device).clamp_max(height - 1)
    columns = torch.arange(torch.sym_max(width, side_px), device=image.device).clamp_max(width - 1)
    return image.index_select(-2, rows).index_select(-1, columns)


def _grown_to_side(image: Tensor, side_px: int) -> Tensor:
    height, width = image.shape[-2], image.shape[-1]
    rows = torch.arange(max(height, side_px), device=image.device).clamp_max(height - 1)
    columns = torch.arange(max(width, side_px), device=image.device).clamp_max(width - 1)
    return image.index_select(-2, rows).index_select(-1, columns)


_grown_in_script = torch.jit.script_if_tracing(_grown_to_side)


def _mirrored(image: Tensor, pixels: int) -> Tensor:
    """`margin.mirrored` without a branch on the size."""
    if torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
        return _mirrored_in_script(image, pixels)
    for axis in (2, 3):
        length = image.shape[axis]
        period = torch.sym_max(1, 2 * (length - 1))
        place = torch.arange(-pixels, length + pixels, device=image.device).remainder(period)
        image = image.index_select(axis, torch.minimum(place, -place + period))
    return image


def _mirrored_outwards(image: Tensor, pixels: int) -> Tensor:
    for axis in (2, 3):
        length = image.shape[axis]
        period = max(1, 2 * (length - 1))
        place = torch.arange(-pixels, length + pixels, device=image.device).remainder(period)
        image = image.index_select(axis, torch.minimum(place, period - place))
    return image


_mirrored_in_script = torch.jit.script_if_tracing(_mirrored_outwards)


def examples(plan: ExportPlan) -> tuple[Tensor, ...]:
    """Inputs for tracing."""
    photo = torch.rand(EXAMPLE)
    if plan.style_input == "weights":
        return photo, torch.rand(1, len(plan.model.spec.styles))
    if plan.style_input == "none":
        return (photo,)
    picture = torch.rand(STYLE_EXAMPLE)
    if plan.style_input == "picture":
        return photo, picture
    with torch.no_grad():
        return photo, *plan.encode_style(picture)


def encoder_examples() -> tuple[Tensor, ...]:
    """Inputs for tracing the style encoder."""
    return (torch.rand(STYLE_EXAMPLE),)


def save_torchscript(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
    """Trace and write; `torch.jit.load(path)(photo, …)` runs it, without Brushwork."""
    with warnings.catch_warnings(), torch.no_grad(), _names_for_torchscript(module):
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and tracing warns of every number it keeps
        traced = torch.jit.trace(module, inputs, check_trace=False)
        torch.jit.save(traced, str(path))


@contextlib.contextmanager
def _names_for_torchscript(module: nn.Module) -> Iterator[None]:
    """TorchScript writes full names of classes and functions into the file, and reads them as identifiers.

    ComfyUI calls a pack by the path of its folder: `/…/custom_nodes/comfyui-brushwork.core.export`.
    """
    named = {_grown_to_side, _mirrored_outwards, *(type(part) for part in module.modules())}
    before = {kind: kind.__module__ for kind in named if not _is_identifier(kind.__module__)}
    for kind in before:
        kind.__module__ = "brushwork." + kind.__module__.rpartition("/")[2].partition(".")[2]
    try:
        yield
    finally:
        for kind, name in before.items():
            kind.__module__ = name


def _is_identifier(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def save_exported_program(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
    """Export and write; `torch.export.load(path).module()(photo, …)` runs it, without Brushwork."""
    dim = torch.export.Dim
    largest = 1 << 15
    free = {2: dim("height", min=1, max=largest), 3: dim("width", min=1, max=largest)}
    style = {2: dim("style_height", min=1, max=largest), 3: dim("style_width", min=1, max=largest)}

    def sizes(tensor: Tensor) -> dict[int, object]:
        if tensor.shape == EXAMPLE:
            return {0: dim("batch", min=1, max=1 << 10), **free}
        return dict(style) if tensor.shape == STYLE_EXAMPLE else {}

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        first, *more = (sizes(tensor) for tensor in inputs)
        wanted = (first, tuple(more)) if more else (first,)  # what is behind the photo is one argument, *style
        known = inspect.signature(torch.export.export).parameters
        # rounding up twice makes identities that torch cannot prove for all sizes; new versions check them at run time
        options: dict[str, Any] = {DEFERRED: True} if DEFERRED in known else {}
        try:
            program = torch.export.export(module, inputs, dynamic_shapes=wanted, strict=False, **options)
        except Exception as error:
            raise _not_exported(error) from error
        torch.export.save(program, str(path))


def _not_exported(error: Exception) -> ConfigError:
    return ConfigError(
        f"torch {torch.__version__} cannot export this network with free sizes.",
        expected="an ExportedProgram that takes pictures of every size",
        got=f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}",
        do="Export .onnx or .ts instead, or use a newer torch.",
    )
