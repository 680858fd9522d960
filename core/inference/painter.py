"""Which path paints: the engine where it can, in the memory there is, else the network as it stands."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..architectures import StyleCode
from ..architectures._statistics import hook_wanted
from ..errors import BrushworkError, ImageError
from ..margin import Margin
from ..style_model import StyleModel
from .accelerator import Accelerator
from .device import model_on
from .engine import Engine, supports
from .engine.places import map_bytes
from .engine.rows import Rows
from .engine.store import RowSource, free_disk_bytes
from .memory import available_bytes, is_out_of_memory

SHARE = 0.6
"""Of the available memory that a picture may take where the user gives no bound."""
WORKING_BYTES = 32 << 20
"""Beside stores, windows and blocks: what the first run of an operation leaves in the process, blocks of the photo."""
HOLES = 1.25
"""What the allocator takes for windows and blocks, over what they hold."""

PLAIN_VALUES = 300
"""Activations a pixel that the plain path holds at once: 230 with 32-64-128 channels, and room for wider ones."""

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How a picture is painted."""

    keep: bool
    """Full-size layers stay in memory, instead of being computed again."""
    half: bool = False
    """Layers at half resolution stay in memory, although those at full do not."""
    spill: Path | None = None
    """Folder for the layers that must be kept, instead of memory."""


IN_MEMORY = (Plan(keep=True), Plan(keep=False, half=True), Plan(keep=False))
"""The fastest first; the second takes as much as the third in networks that have no use for it."""


class Painter:
    """One model on one device in one dtype.

    Args:
        model: Not modified.
        device: Where it computes.
        dtype: Of the convolutions.
        max_memory: Bytes that a run may take besides photo and painting; None: what the machine can spare.
    """

    def __init__(
        self, model: StyleModel, device: torch.device, dtype: torch.dtype, max_memory: int | None = None
    ) -> None:
        self.dtype, self.max_memory = dtype, max_memory
        self.engine: Engine | None = None
        self.elsewhere: Accelerator | None = None
        half = dtype in (torch.float16, torch.bfloat16)
        if supports(model) and device.type == "cpu":
            self.model = model_on(model, device, torch.float32 if half else dtype)
            self.engine = Engine(self.model, dtype)
        else:
            self.elsewhere = Accelerator(model, device, dtype)
            self.model = self.elsewhere.model
        self._original, self._plain = model, None if self.engine is not None and half else self.model

    def paint(
        self,
        photo: Tensor,
        code: StyleCode | None,
        progress: Callable[[float], None] | None = None,
        margin: Margin | None = None,
    ) -> Tensor:
        """`StyleModel.paint` by the best path.

        Args:
            photo: (B, 3, H, W), 0..1, float32 or better, on the model's device.
            code: From `self.model.encode`.
            progress: Called with the share of the work that is done, 0..1; what it raises ends the run.
            margin: Beyond the borders, at most the model's own; None: that.

        Raises:
            BrushworkError: The picture fits neither in memory nor on the disk.
        """
        engine = self.engine
        code = None if code is None else code.without_uniform_masks()
        if self.elsewhere is not None:
            return self.elsewhere.paint(photo, code, progress, margin)
        assert engine is not None  # noqa: S101 - one of the two paints
        return self._first_that_fits(
            self.plans(*photo.shape[-2:], code=code),
            lambda plan: engine.paint(
                photo, code, keep=plan.keep, half=plan.half, spill=plan.spill, progress=progress, margin=margin
            ),
        )

    @torch.no_grad()
    def paint_rows(
        self,
        photo: RowSource,
        code: StyleCode | None,
        plans: list[Plan],
        progress: Callable[[float], None] | None = None,
    ) -> Rows:
        """The rows of `paint`, from a photo that is read by rows; see `streams`.

        Args:
            photo: Rows (1, 3, r, W), 0..1, float32.
            code: As for `paint`, of one picture.
            plans: From `plans`.
            progress: As for `paint`.

        Yields:
            (1, 3, r, W), 0..1, float32 or better, H rows in all.
        """
        engine = self.engine
        assert engine is not None  # noqa: S101 - `streams` says so
        code = None if code is None else code.without_uniform_masks()

        def begin(plan: Plan) -> tuple[Tensor, Rows]:
            """The first rows: what can fail for want of memory has happened then."""
            rows = engine.rows(photo, code, keep=plan.keep, half=plan.half, spill=plan.spill, progress=progress)
            return next(rows), rows

        top, rest = self._first_that_fits(plans, begin)
        yield from itertools.chain((top,), rest)
        engine.workspace.trim()

    @property
    def streams(self) -> bool:
        """Whether `paint_rows` can paint: the engine runs this network, and no film smooths its statistics."""
        return self.engine is not None and not hook_wanted()

    def _first_that_fits(self, plans: list[Plan], run: Callable[[Plan], T]) -> T:
        """A run that does not fit after all is tried again in the next smaller way."""
        for index, plan in enumerate(plans):
            try:
                return run(plan)
            except (MemoryError, RuntimeError) as error:
                if index == len(plans) - 1 or not is_out_of_memory(error):
                    raise
                if self.engine is not None:
                    self.engine.workspace.clear()
        raise AssertionError("plans is never empty")

    @property
    def bound(self) -> int:
        """Bytes that a run may take besides photo and painting."""
        return self.max_memory or int(SHARE * available_bytes(self.model.device))

    def bytes_needed(self, height: int, width: int, pictures: int = 1) -> int:
        """Memory that painting takes besides photo and painting, in the fastest way that `plans` allows.

        Where none of them fits into memory, what the smallest would take: for those who can make room.

        Args:
            height: Of the pictures.
            width: Of the pictures.
            pictures: Painted at once, on the plain path.
        """
        if self.engine is None:
            down, right = self.model.spec.margin
            return pictures * (height + 2 * down) * (width + 2 * right) * PLAIN_VALUES * self.dtype.itemsize
        working = self.working_bytes(height, width)
        bound, sizes = self.bound, [working + self._stored(height, width, plan) for plan in IN_MEMORY]
        return next((size for size in sizes if size <= bound), sizes[-1])

    def working_bytes(self, height: int, width: int, code: StyleCode | None = None) -> int:
        """Bytes of a run by rows in the smallest way: what no file can take."""
        assert self.engine is not None  # noqa: S101 - asked of the engine only
        height, width = self.engine.covering(height, width)
        maps = map_bytes(code, height, width)
        blocks = HOLES * self.engine.program.working_bytes(height, width)
        # scale and shift of every pixel of a block are two more blocks
        return int(2 * blocks if maps else blocks) + maps + WORKING_BYTES

    def _stored(self, height: int, width: int, plan: Plan) -> int:
        """Bytes of the stores of a run in memory, beside `working_bytes`."""
        assert self.engine is not None  # noqa: S101 - asked of the engine only
        height, width = self.engine.covering(height, width)
        return self.engine.program.stored_bytes(height, width, keep=plan.keep, half=plan.half)[0]

    @property
    def plain(self) -> StyleModel:
        """The model for the plain path: in half precision another copy than the engine's."""
        if self._plain is None:
            self._plain = model_on(self._original, self.model.device, self.dtype)
        return self._plain

    def plans(
        self, height: int, width: int, *, code: StyleCode | None = None, beside: int = 0, beside_on_disk: int = 0
    ) -> list[Plan]:
        """Ways to paint a picture of this size that fit, the fastest first.

        Args:
            height: Of the photo.
            width: Of the photo.
            code: What it is painted in; only styles by place make a difference.
            beside: Bytes of the bound that are taken otherwise.
            beside_on_disk: Bytes of the free disk that will be.

        Raises:
            BrushworkError: None does. Where the user gave no bound, but there is little memory, it is tried.
        """
        engine = self.engine
        if engine is None:
            return [Plan(keep=True)]
        bound = self.bound - beside
        working = self.working_bytes(height, width, code)
        if self.max_memory is not None and working > bound:
            raise too_small_a_bound(height, width, working + beside, self.max_memory)
        plans = [plan for plan in IN_MEMORY if working + self._stored(height, width, plan) <= bound]
        _, spilled = engine.program.stored_bytes(*engine.covering(height, width), keep=False)
        folder = scratch_folder()
        free = free_disk_bytes(folder) - beside_on_disk
        if spilled <= free:
            plans.append(Plan(keep=False, spill=folder))
        if not plans:
            least = working + self._stored(height, width, IN_MEMORY[-1])
            raise BrushworkError(
                f"A picture of {width}×{height} px does not fit into this machine.",
                expected=f"{_gib(least)} of memory, or {_gib(spilled)} of free disk in {folder}",
                got=f"{_gib(bound)} of memory and {_gib(free)} of disk",
                do="Use a smaller picture, raise the memory bound, or point TMPDIR at a larger disk.",
            )
        return plans


def too_small_a_bound(height: int, width: int, least: int, bound: int, what: str = "") -> ImageError:
    """The error of a picture that cannot be painted in the memory that the user allows.

    Args:
        height: Of the picture.
        width: Of the picture.
        least: Bytes that it takes at least.
        bound: Bytes that are allowed.
        what: What can be done, beside raising the bound or scaling the picture down.
    """
    return ImageError(
        f"A picture of {width}×{height} px cannot be painted in so little memory.",
        expected=f"a memory bound of {_mib(least)} or more",
        got=_mib(bound),
        do=f"Raise the memory bound, use a smaller picture{what and ', ' + what}.",
    )


def scratch_folder() -> Path:
    """Where layers that do not fit into memory go: what TMPDIR, TEMP or TMP name, else the system's choice."""
    return Path(tempfile.gettempdir())


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _mib(count: int) -> str:
    return f"{-(-count // 2**20)} MiB"
