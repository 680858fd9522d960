"""The fast path of a StyleModel: the same picture as `StyleModel.paint`, in less time and in bounded memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ...architectures import StyleCode
from ...architectures._statistics import painting_pass
from ...architectures.adain import AdaINNet
from ...architectures.modulated_adain import ModulatedAdaINNet
from ...architectures.msg_net import MsgNet
from ...architectures.transformer_net import TransformerNet
from ...margin import Margin, within
from ...style_model import StyleModel
from .adain import AdaINProgram
from .modulated_adain import ModulatedAdaINProgram
from .msg_net import MsgNetProgram
from .norms import OwnNorms
from .passes import Meter, Run
from .places import Places, by_place
from .rows import Rows, as_rows, block_rows
from .store import Extended, MemoryRows, RowSource, Workspace
from .transformer import TransformerProgram

Program = TransformerProgram | MsgNetProgram | AdaINProgram | ModulatedAdaINProgram


def supports(model: StyleModel) -> bool:
    """Whether the engine can run this model; the others take the plain path."""
    kinds = (TransformerProgram, MsgNetProgram, AdaINProgram, ModulatedAdaINProgram)
    return any(kind.supports(model.network) for kind in kinds)


class HalfPrecisionOverflowError(ArithmeticError):
    """A network's features passed the largest number of float16; its picture is lost."""


class Engine:
    """A model prepared for one device and dtype.

    Args:
        model: With weights in float32 or better, on `device`; one that `supports` accepts. Not modified.
        dtype: Of the arithmetic: float32, float64, bfloat16 or float16.
    """

    def __init__(self, model: StyleModel, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype
        network = model.network
        if isinstance(network, TransformerNet):
            self.program: Program = TransformerProgram(network, dtype)
        elif isinstance(network, MsgNet):
            self.program = MsgNetProgram(network, dtype)
        elif isinstance(network, ModulatedAdaINNet):
            self.program = ModulatedAdaINProgram(network, dtype)
        else:
            self.program = AdaINProgram(cast("AdaINNet", network), dtype)
        self.workspace = Workspace(model.device)

    def covering(self, height: int, width: int, margin: Margin | None = None) -> tuple[int, int]:
        """Height and width of what runs through the network for a picture of this size.

        A picture has a margin (None: the model's own), a network a smallest side, and where pooling rounds down it
        would lose the last rows and columns.
        """
        multiple, least = self.program.multiple, self.model.network.min_side
        around = self.model.spec.margin if margin is None else margin
        sides = (side + 2 * pixels for side, pixels in zip((height, width), around, strict=True))
        rows, columns = (-(-max(side, least) // multiple) * multiple for side in sides)
        return rows, columns

    @torch.no_grad()
    def paint(
        self,
        content: Tensor,
        code: StyleCode | None,
        *,
        keep: bool = True,
        half: bool = False,
        spill: Path | None = None,
        progress: Callable[[float], None] | None = None,
        margin: Margin | None = None,
    ) -> Tensor:
        """Run the network on a checked image: what `StyleModel.paint` returns, within rounding.

        Args:
            content: (B, 3, H, W), 0..1, any device.
            code: From `StyleModel.encode`.
            keep: Full-size layers stay in memory; False computes them again: a third more work, a tenth of the memory.
            half: With `keep` False: layers at half resolution stay all the same, where a network has use for them: a
                tenth more work, a quarter of the memory.
            spill: Folder for the layers that must be kept, instead of memory.
            progress: Called after every block with the share of the work that is done, 0..1.
            margin: Beyond the borders; None: the model's own.

        Returns:
            (B, 3, H, W), clamped, dtype and device of `content`.
        """
        out = torch.empty_like(content, memory_format=torch.contiguous_format)
        count = len(content)
        for index in range(count):
            tell = None if progress is None else _part(progress, index, count)
            first = 0
            picture = MemoryRows(content[index : index + 1])
            part = _of_picture(code, index)
            rows = self.rows(picture, part, keep=keep, half=half, spill=spill, progress=tell, margin=margin)
            # styles by place keep their own statistics, in films too
            with contextlib.nullcontext() if by_place(code) else painting_pass():
                for block in rows:
                    out[index, :, first : first + block.shape[2]] = block[0]
                    first += block.shape[2]
        self.workspace.trim()
        return out

    def rows(
        self,
        picture: RowSource,
        code: StyleCode | None,
        *,
        keep: bool,
        half: bool = False,
        spill: Path | None = None,
        progress: Callable[[float], None] | None = None,
        margin: Margin | None = None,
    ) -> Rows:
        """Painted rows (1, 3, r, W), 0..1, float32 or better, H in all.

        Args:
            picture: Rows (1, 3, r, W), 0..1; they are read several times.
            code: As for `paint`, of one picture.
            keep: As for `paint`.
            half: As for `paint`.
            spill: As for `paint`.
            progress: As for `paint`.
            margin: As for `paint`.
        """
        normalization, device = self.model.spec.normalization, self.model.device
        around = self.model.spec.margin if margin is None else margin
        height, width = self.covering(picture.height, picture.width, around)
        extended = Extended(picture, height, width, around)
        work = torch.promote_types(self.dtype, torch.float32)
        step = block_rows(width, 3, device=device)

        def photo() -> Rows:
            for first in range(0, height, step):
                rows = extended.read(first, min(step, height - first))
                yield as_rows(normalization.encode(rows.to(device, work)), self.dtype)

        places = None
        if code is not None and by_place(code):
            places = Places(code, (picture.height, picture.width), around, (height, width), self.dtype)
        elif code is not None:
            code = replace(code, weights=code.weights.to(device))
        workspace = self.workspace if spill is None else Workspace(device, spill)
        passes = self.program.passes(1 if places is None else places.count, regional=code is not None and code.regional)
        run = Run(workspace, Meter(passes, progress, tidy=not keep), keep, half, None, self.dtype, OwnNorms())
        first = -around[0]
        for block in self.program.paint(photo, (height, width), run, code, places):
            painted = normalization.decode(block)
            if self.dtype == torch.float16 and not bool(torch.isfinite(painted).all()):
                raise HalfPrecisionOverflowError
            above, below = max(0, -first), min(block.shape[2], picture.height - first)
            first += block.shape[2]
            if above < below:
                inner = within(painted, (above, around[1]), below - above, picture.width)
                yield torch.nan_to_num(inner, nan=0.0).clamp(0, 1)


def _of_picture(code: StyleCode | None, index: int) -> StyleCode | None:
    """The part of a code for one picture of the batch."""
    if code is None:
        return None
    alpha = code.alpha
    if isinstance(alpha, Tensor):
        alpha = alpha if len(alpha) == 1 else alpha[index : index + 1]
    weights = code.weights if len(code.weights) == 1 else code.weights[index : index + 1]
    return replace(code, weights=weights, alpha=alpha)


def _part(progress: Callable[[float], None], index: int, count: int) -> Callable[[float], None]:
    """Progress of one of several pictures."""
    return lambda done: progress((index + done) / count)
