"""Run an exported file and its network on the same pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError, MissingPackageError
from ..images import pad_to_side
from .plan import ExportPlan
from .report import LIMIT, ParityCheck

Run = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]
"""Inputs → outputs, float32 on the CPU."""

DEFAULT_SIZES = ((1, 96, 64), (2, 131, 97), (1, 256, 320))
"""Batch, height, width: a multiple of four, odd sides in a batch, and one that is larger."""


@dataclass(frozen=True)
class Opened:
    """A file that is ready to run."""

    run: Run
    runtime: str
    """Name and version of what runs it."""


def check_parity(
    run: Run, plan: ExportPlan, sizes: Sequence[tuple[int, int, int]], encoder: Run | None = None
) -> tuple[ParityCheck, ...]:
    """Compare painted pictures at every size.

    Args:
        run: The exported file.
        plan: What it was made from.
        sizes: (batch, height, width).
        encoder: The exported style encoder, which then makes the features that `run` takes.
    """
    checks = []
    for index, (batch, height, width) in enumerate(sizes):
        photo = picture(batch, height, width, seed=index)
        style = _style(plan, seed=100 + index)
        want = _reference(plan, photo, style)
        (got,) = run((photo, *(style if encoder is None else encoder(style))))
        difference = (got - want).abs()
        checks.append(ParityCheck(batch, height, width, float(difference.max()), float(difference.mean())))
    return tuple(checks)


def reads_back(path: Path, plan: ExportPlan) -> bool:
    """Whether our own loader makes of the file a model that paints the same."""
    from ..checkpoints import load_checkpoint

    try:
        model = load_checkpoint(path)
    except CheckpointError:
        return False
    photo, style = picture(1, 64, 80, seed=1), _style(plan, seed=101)
    own = replace(plan, model=model)
    same = model.style_kind == plan.model.style_kind
    return same and bool((_reference(own, photo, style) - _reference(plan, photo, style)).abs().max() <= LIMIT)


@torch.no_grad()
def _reference(plan: ExportPlan, photo: Tensor, style: tuple[Tensor, ...]) -> Tensor:
    """What `StyleModel` paints; a style picture is encoded here where the file takes features."""
    if plan.style_input in ("picture", "features"):
        features = plan.encode_style(pad_to_side(style[0], plan.model.network.min_side))
        return plan.model.paint(photo, replace(plan, style_input="features").code(features))
    return plan.model.paint(photo, plan.code(style))


def _style(plan: ExportPlan, seed: int) -> tuple[Tensor, ...]:
    """Weights or a style picture, another for every seed; nothing for a baked style."""
    if plan.style_input == "none":
        return ()
    if plan.style_input == "weights":
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(1, len(plan.model.spec.styles), generator=generator) + 0.01,)
    return (picture(1, 72 + seed % 5, 90 - seed % 7, seed),)


def picture(batch: int, height: int, width: int, seed: int) -> Tensor:
    """Soft waves of all directions in colour with some grain, (B, 3, H, W), 0..1: the spectrum of a photo, roughly."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(height)[:, None] / 64
    x = torch.arange(width)[None, :] / 64
    image = 0.5 + 0.03 * torch.randn(batch, 3, height, width, generator=generator)
    for frequency in (0.5, 1.0, 2.0, 4.0, 8.0):
        angle, phase = (6.2832 * torch.rand(batch, 3, 1, 1, generator=generator) for _ in range(2))
        image += 0.25 / (1 + frequency) * (6.2832 * frequency * (y * angle.sin() + x * angle.cos()) + phase).sin()
    return image.clamp(0, 1)


def open_onnx(path: Path) -> Opened:
    """The file in onnxruntime on the CPU.

    Raises:
        MissingPackageError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "The exported model cannot be checked: onnxruntime is not installed.",
            expected="onnxruntime 1.17 or newer",
            got=str(error),
            do='Run: pip install "brushwork[export]", or export without the check.',
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        feed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(array) for array in session.run(None, feed))

    return Opened(run, f"onnxruntime {onnxruntime.__version__}, CPU")


def open_torchscript(path: Path) -> Opened:
    """The file in TorchScript's interpreter."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, not gone
        module = torch.jit.load(str(path), map_location="cpu")
    return Opened(_torch_run(module), f"torch.jit of torch {torch.__version__}, CPU")


def open_exported_program(path: Path) -> Opened:
    """The file in torch.export's module."""
    module = torch.export.load(str(path)).module()
    return Opened(_torch_run(module), f"torch.export of torch {torch.__version__}, CPU")


def _torch_run(module: Callable[..., Tensor | tuple[Tensor, ...]]) -> Run:
    @torch.no_grad()
    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        outputs = module(*inputs)
        return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)

    return run
