"""`brushwork distill`: train the compact encoder from larger ones."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "distill",
        help="train a compact loss network from larger ones",
        description="Train the compact encoder by distillation. Needed only to make a new one: one is bundled.",
    )
    parser.add_argument("--teacher", nargs="+", type=Path, required=True, metavar="FILE", help="VGG file(s)")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--paintings", type=Path, metavar="DIR", help="half of every batch comes from here")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.safetensors")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--steps", type=int)
    parser.add_argument("--size", type=int, default=160, metavar="PX", help="side of the crops (160)")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from OUT.safetensors.train")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Distil; 0 when done."""
    from ..trainers.distill import DistillArgs, DistillTask
    from ..trainers.interrupt import InterruptBetweenSteps
    from ..trainers.loop import run as run_task
    from ..trainers.report import JsonLines
    from .train import progress_line

    options = DistillArgs(
        out=args.out,
        photos=args.photos,
        paintings=args.paintings,
        teachers=tuple(args.teacher),
        minutes=args.minutes,
        steps=args.steps,
        size_px=args.size,
        batch=args.batch,
        learning_rate=args.learning_rate,
        seed=args.seed,
    )
    log = JsonLines(args.out.with_suffix(".log.jsonl"), append=args.resume)
    with InterruptBetweenSteps() as interrupt:
        print(run_task(DistillTask(options), options, resume=args.resume, callbacks=(progress_line(), log, interrupt)))
    return 0
