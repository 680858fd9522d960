"""One call from a model to a checked file."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import BrushworkError, ConfigError
from ..files import atomic_path
from ..style_model import StyleModel, StyleSelection
from .onnx import OPSET, encoder_to_onnx, model_to_onnx
from .onnx.model import PHOTO, PICTURE, feature_shapes
from .parity import DEFAULT_SIZES, Opened, check_parity, open_exported_program, open_onnx, open_torchscript, reads_back
from .plan import ExportPlan, StyleInput, plan_export
from .program import EncoderModule, ExportModule, encoder_examples, examples, save_exported_program, save_torchscript
from .report import ExportReport


@dataclass(frozen=True)
class ExportFormat:
    """One kind of file."""

    title: str
    write: Callable[[ExportPlan, bool, Path, str], None]
    """(plan, whether the style encoder alone, path, version of this program)."""
    open: Callable[[Path], Opened]


def _write_onnx(plan: ExportPlan, encoder: bool, path: Path, version: str) -> None:
    path.write_bytes(encoder_to_onnx(plan, version) if encoder else model_to_onnx(plan, version))


def _write_torchscript(plan: ExportPlan, encoder: bool, path: Path, version: str) -> None:
    save_torchscript(*_module(plan, encoder), path)


def _write_exported_program(plan: ExportPlan, encoder: bool, path: Path, version: str) -> None:
    save_exported_program(*_module(plan, encoder), path)


def _module(plan: ExportPlan, encoder: bool) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The module to write, and inputs to trace it with."""
    if encoder:
        return EncoderModule(plan).eval(), encoder_examples()
    return ExportModule(plan).eval(), examples(plan)


FORMATS: dict[str, ExportFormat] = {
    ".onnx": ExportFormat(f"ONNX, opset {OPSET}", _write_onnx, open_onnx),
    ".ts": ExportFormat("TorchScript", _write_torchscript, open_torchscript),
    ".pt2": ExportFormat("ExportedProgram", _write_exported_program, open_exported_program),
}
"""By suffix."""


def export_model(
    model: StyleModel,
    path: str | Path,
    *,
    style: StyleSelection = None,
    style_input: StyleInput = "auto",
    sizes: Sequence[tuple[int, int, int]] = DEFAULT_SIZES,
    check: bool = True,
    version: str = "",
    status: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write a model for other programs, run the file, and compare. A file that does not agree is not left behind.

    The file takes `photo` (B, 3, H, W), RGB in 0..1, H and W ≥ 1, and gives the painting of the same shape and range.

    Args:
        model: Not modified.
        path: Suffix .onnx, .ts (TorchScript) or .pt2 (ExportedProgram). Beside it come PATH.parity.json, and for the
            style input `features` the style encoder, STEM.style-encoder.SUFFIX.
        style: Baked in; see `plan_export`.
        style_input: See `StyleInput`.
        sizes: (batch, height, width) of the check.
        check: False writes without running the file.
        version: Of this program, for header and report.
        status: Told what is being done, in a few words; may raise to interrupt.

    Returns:
        The report; it has passed, or was not checked.

    Raises:
        ConfigError: Another suffix, or a style that cannot be exported like this.
        StyleError: A style that the model does not have.
        MissingPackageError: The check needs onnxruntime.
        BrushworkError: The exported file gives other pictures, or the place cannot be written.
    """
    path, tell = Path(path), status or (lambda text: None)
    form = _format_of(path)
    plan = plan_export(model, style, style_input)
    encoder = path.with_name(f"{path.stem}.style-encoder{path.suffix}") if plan.style_input == "features" else None
    with contextlib.ExitStack() as files:
        temporary = files.enter_context(atomic_path(path))
        tell(f"writing {form.title}")
        form.write(plan, False, temporary, version)
        temporary_encoder = None
        if encoder is not None:
            temporary_encoder = files.enter_context(atomic_path(encoder))
            form.write(plan, True, temporary_encoder, version)
        tell("comparing with the model")
        report = _checked(plan, form, temporary, temporary_encoder, sizes if check else (), version)
        report = report.named(path.name, encoder.name if encoder else "")
        if check and not report.passed:
            raise BrushworkError(
                f"{path.name} was not written: it does not paint what the model paints.",
                expected=f"differences of at most {report.limit:.4f}",
                got=f"{report.max_difference:.4f} in {report.runtime}",
                do="Please report it, with what `brushwork inspect` says of the model.",
            )
    with atomic_path(path.with_name(f"{path.name}.parity.json")) as temporary:
        temporary.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
    return report


def _format_of(path: Path) -> ExportFormat:
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"{path.name} has no suffix of a format that can be exported.",
            expected=" ".join(FORMATS),
            got=path.suffix or "no suffix",
            do="Choose .onnx for other runtimes, .ts or .pt2 for torch without Brushwork.",
        )
    return FORMATS[path.suffix.lower()]


def _checked(
    plan: ExportPlan,
    form: ExportFormat,
    file: Path,
    encoder: Path | None,
    sizes: Sequence[tuple[int, int, int]],
    version: str,
) -> ExportReport:
    """Run the file at every size; without sizes it is not opened."""
    spec, runtime, checks = plan.model.spec, "", ()
    if sizes:
        opened = form.open(file)
        runtime = opened.runtime
        checks = check_parity(opened.run, plan, sizes, None if encoder is None else form.open(encoder).run)
    shapes = {"photo": list(PHOTO)}
    if plan.style_input == "weights":
        shapes["style_weights"] = [1, len(spec.styles)]
    elif plan.style_input == "picture":
        shapes["style_picture"] = list(PICTURE)
    elif plan.style_input == "features":
        shapes |= {name: list(shape) for name, shape in zip(plan.style_names, feature_shapes(plan), strict=True)}
    data = file.read_bytes()
    return ExportReport(
        file=file.name,
        format=form.title,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        architecture=spec.architecture,
        model=spec.title or spec.architecture,
        style=f"{plan.baked}, baked in" if plan.style_input == "none" else f"input {', '.join(plan.style_names)}",
        styles=list(spec.style_names) if plan.style_input == "weights" else [],
        inputs=shapes,
        runtime=runtime,
        reference=f"brushwork {version}, torch {torch.__version__}, CPU, float32",
        checks=checks,
        reads_back=bool(sizes) and reads_back(file, plan),
    )
