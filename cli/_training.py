"""What the training commands share: options of every run, encoders by name, credits, the line of progress."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ._memory import keep_freed_memory

if TYPE_CHECKING:
    from ..trainers.args import RunArgs
    from ..trainers.loop import Callback
    from ..trainers.shard import Shard
    from ..trainers.task import Task

CREDIT_KEYS = ("title", "attribution", "license")


def add_run_options(
    parser: argparse.ArgumentParser,
    *,
    size_px: int,
    batch: int,
    half_size: float | None = None,
    learning_rate: float = 1e-3,
) -> None:
    """Options of every run of the loop."""
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="folder of ordinary photos")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.safetensors")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="length in minutes, all resumed parts together")
    length.add_argument("--steps", type=int, help="length in steps; reproducible bit for bit on one machine")
    parser.add_argument("--size", type=int, default=size_px, metavar="PX", help=f"side of the crops ({size_px})")
    parser.add_argument(
        "--half-size",
        type=float,
        default=half_size,
        metavar="SHARE",
        help="of the run trains on crops of half the side, four times as many in its time "
        f"({'all of up to ten minutes, half of more' if half_size is None else half_size})",
    )
    parser.add_argument("--batch", type=int, default=batch, help=f"photos per step ({batch})")
    parser.add_argument(
        "--learning-rate", type=float, default=learning_rate, help=f"peak; it falls along a cosine ({learning_rate:g})"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--float32", action="store_true", help="no bfloat16, where it would be used because it is fast")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default auto")
    parser.add_argument("--resume", action="store_true", help="go on from OUT.safetensors.train")


def run_options(args: argparse.Namespace, shard: Shard) -> dict[str, Any]:
    """Fields of RunArgs."""
    from ..core.inference.device import bf16_is_fast, resolve_device

    device = resolve_device(args.device)
    return {
        "out": args.out,
        "photos": args.photos,
        "minutes": args.minutes,
        "steps": args.steps,
        "size_px": args.size,
        "half_size": args.half_size,
        "batch": args.batch,
        "learning_rate": args.learning_rate,
        "seed": args.seed,
        "bf16": not args.float32 and bf16_is_fast(device),
        "shard": shard,
        "device": str(device),
    }


def run_task(task: Task, options: RunArgs, *, resume: bool, callbacks: Sequence[Callback] = ()) -> None:
    """Train with a progress line, a log beside the file, and signals that keep what was learned; print the path."""
    from ..core.files import atomic_path
    from ..trainers.interrupt import InterruptBetweenSteps
    from ..trainers.loop import run
    from ..trainers.loss_curve import loss_curve
    from ..trainers.report import JsonLines

    if options.device == "cpu":
        keep_freed_memory()
    shown: tuple[Callback, ...] = ()
    if options.shard.rank == 0:
        log = JsonLines(options.out.with_suffix(".log.jsonl"), append=resume)
        shown = (_progress_line(), log, *callbacks)
    try:
        with InterruptBetweenSteps() as interrupt:
            path = run(task, options, resume=resume, callbacks=(*shown, interrupt))
    finally:
        if options.shard.rank == 0:
            with atomic_path(options.out.with_suffix(".curve.png")) as temporary:
                loss_curve(options.out.with_suffix(".log.jsonl")).save(temporary, "PNG")
    if options.shard.rank == 0:
        print(path)


def find_encoders(names: Sequence[str]) -> tuple[Path, ...]:
    """compact, vgg16 and vgg19 by name, anything else as a path; the VGGs are downloaded where they are missing."""
    from ..core.hub import resolve_model
    from .models import progress_bar

    paths = []
    for name in names:
        if Path(name).exists():
            paths.append(Path(name))
        else:
            with progress_bar(name) as progress:
                paths.append(resolve_model(name, progress=progress))
    return tuple(paths)


def read_credits(path: Path | None) -> dict[str, dict[str, str]]:
    """Title, attribution and licence of paintings by file stem.

    Raises:
        ConfigError: The file is missing or no such JSON.
    """
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {name: {key: str(row[key]) for key in CREDIT_KEYS if key in row} for name, row in data.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"The credits in {path} cannot be read.",
            expected='JSON such as {"my-painting": {"title": …, "attribution": …, "license": "PDM-1.0"}}',
            got=f"{type(error).__name__}: {error}",
            do="Correct the file, or leave --credits out.",
        ) from error


def _progress_line() -> Callback:
    """Percent, step, time, losses: redrawn on a terminal, a line every 100 steps elsewhere."""
    from ..trainers.loop import Progress

    def draw(progress: Progress) -> None:
        terminal, every = sys.stderr.isatty(), 10 if sys.stderr.isatty() else 100
        if progress.step % every and progress.fraction < 1:
            return
        losses = progress.losses
        print(
            f"{min(1.0, progress.fraction):6.1%}  step {progress.step}  {progress.seconds / 60:.1f} min  "
            f"style {losses.style:.3f}  content {losses.content:.3f}",
            file=sys.stderr,
            end="\r" if terminal and progress.fraction < 1 else "\n",
            flush=True,
        )

    return draw
