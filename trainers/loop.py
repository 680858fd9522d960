"""The training loop, legible top to bottom: photos → network → losses → step → average → save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ..core.errors import BrushworkError
from ..core.files import atomic_path
from .args import RunArgs, TrainArgs
from .data import prefetch
from .guard import Guard
from .methods import make_task
from .shard import Shard
from .state import load_state, save_state, state_path
from .task import StepLosses, Task

FINAL_RATE = 0.05
WARM_UP_STEPS = 50
GRADIENT_NORM = 1.0
SMALLEST_SIDE_PX = 64
LENGTH = ("steps", "minutes", "save_every_s")


@dataclass(frozen=True)
class Progress:
    """What callbacks see after every step."""

    step: int
    fraction: float
    """0..1 of the whole run."""
    seconds: float
    """Wall time of all parts of the run together."""
    losses: StepLosses
    product: Callable[[], tuple[dict[str, Tensor], dict[str, Any]]]
    """Weights and record as they would be saved now."""


Callback = Callable[[Progress], None]


def train(args: TrainArgs, *, resume: bool = False, callbacks: tuple[Callback, ...] = ()) -> Path:
    """Train a style network and write it; see `run`."""
    return run(make_task(args), args, resume=resume, callbacks=callbacks)


def run(
    task: Task,
    args: RunArgs,
    *,
    resume: bool = False,
    callbacks: tuple[Callback, ...] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Train what `task` says and write it.

    Args:
        task: Network, data, losses, product.
        args: Length, learning rate, places.
        resume: Go on from the state beside `args.out`, if there is one.
        callbacks: Called after every step; what they raise ends the run after model and state were saved.
        clock: Seconds; what `minutes` counts.

    Returns:
        The path of the model file.

    Raises:
        TrainingError: No photos, or a loss that stays away from finite values whatever the learning rate.
        BrushworkError: Files that cannot be read or written.
    """
    network = task.network.to(args.device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=args.learning_rate)
    average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    step, seconds, record = 0, 0.0, None
    sidecar = state_path(args.out)
    if resume and sidecar.exists():
        extra, record = load_state(sidecar, network, average, optimizer)
        task.load_state(extra)
        step, seconds = record["step"], record["seconds"]
    guard = Guard(task, network, optimizer, average)
    if record is not None:
        guard.resume(record)

    def product() -> tuple[dict[str, Tensor], dict[str, Any]]:
        length = {"steps": step, "minutes": round(seconds / 60, 1)}
        return average if args.ema else network.state_dict(), length | recorded(args)

    def save() -> None:
        progress = {"step": step, "seconds": seconds}
        save_state(sidecar, network, average, optimizer, task.state(), progress | guard.record())
        task.export(*product(), args.out)

    if args.shard.rank == 0:
        probe = args.out.with_name(f".{args.out.name}.probe")
        with atomic_path(probe):
            pass  # a folder that cannot be written is told now, not after the training
        probe.unlink()
    began, earlier, saved = clock(), seconds, time.monotonic()
    shard, first = args.shard, args.shard.rank == 0
    step_module = StepModule(task)
    forward = DistributedDataParallel(step_module) if shard.world > 1 else step_module
    batches = prefetch(task.batches, step, shard.rows(args.batch))
    try:
        while (done := shard.of_first(fraction(args, step, seconds))) < 1:
            for group in optimizer.param_groups:
                group["lr"] = args.learning_rate * guard.rate * schedule(done, step)
            photos, *others = next(batches)
            side = crop_side(args, done)
            batch = (photos[..., :side, :side], *others)
            total = forward(tuple(part.to(args.device) for part in batch), step)
            fine = guard.healthy(shard.total(total.detach()) / shard.world)
            if fine:
                optimizer.zero_grad(set_to_none=True)
                total.backward()
                norm = torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
                fine = bool(torch.isfinite(norm))
            if fine:
                optimizer.step()
                update_average(average, network, args.ema, step)
            step += 1
            if not guard.after_step(step, taken=fine):
                guard.rollback(step)
            seconds = earlier + clock() - began
            _tell(callbacks, Progress(step, fraction(args, step, seconds), seconds, step_module.losses, product), shard)
            if first and time.monotonic() - saved > args.save_every_s:
                save()
                saved = time.monotonic()
        if first:
            save()
    except BrushworkError:  # nothing worth keeping: the files of the last interval stay as they are
        raise
    except BaseException:
        if first:
            save()
        raise
    finally:
        batches.close()
    return args.out


class StepModule(torch.nn.Module):
    """A step as a module, which is what DistributedDataParallel averages the gradients of.

    Args:
        task: Its network's parameters are this module's.
    """

    losses: StepLosses
    """Of the last step."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = task.network
        self.task = task

    def forward(self, batch: tuple[Tensor, ...], step: int) -> Tensor:
        """The total loss of this process's part of a batch, a scalar."""
        self.losses = self.task.step(batch, step)
        return self.losses.total


def _tell(callbacks: tuple[Callback, ...], progress: Progress, shard: Shard) -> None:
    """Call all; if one of them raises, in any process, all processes end after this step."""
    ended: BaseException | None = None
    try:
        for callback in callbacks:
            callback(progress)
    except BaseException as error:  # noqa: BLE001 - raised below, once the other processes know
        ended = error
    if shard.any(ended is not None):
        raise ended or KeyboardInterrupt


def recorded(args: RunArgs) -> dict[str, Any]:
    """The options of a run as the file keeps them: no paths of this machine."""
    kept = {field.name: getattr(args, field.name) for field in fields(args)}
    return {name: value for name, value in kept.items() if isinstance(value, str | int | float) and name not in LENGTH}


def fraction(args: RunArgs, step: int, seconds: float) -> float:
    """How much of the run is done, 0..1."""
    if args.steps is not None:
        return step / max(1, args.steps)
    return seconds / (60 * args.minutes) if args.minutes else 1.0


def crop_side(args: RunArgs, done: float) -> int:
    """Side of the photos: half in the first part of a run, when a step teaches more than its size does."""
    return args.size_px if done >= args.half_share or args.size_px < 2 * SMALLEST_SIDE_PX else args.size_px // 8 * 4


def schedule(done: float, step: int) -> float:
    """Linear warm-up, then half a cosine from 1 to 1/20."""
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


@torch.no_grad()
def update_average(average: dict[str, Tensor], network: torch.nn.Module, decay: float, step: int) -> None:
    """Exponential moving average with a shorter memory in the first steps; buffers are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)
