"""`brushwork distill`: train the compact encoder from larger ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from ._training import add_run_options, run_options, run_task


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "distill",
        help="train a compact loss network from larger ones",
        description="Train the compact encoder by distillation. Needed only to make a new one: one is bundled.",
    )
    parser.add_argument("--teacher", nargs="+", type=Path, required=True, metavar="FILE", help="VGG file(s)")
    parser.add_argument(
        "--paintings", type=Path, nargs="+", default=[], metavar="DIR", help="as many of every batch as photos, each"
    )
    parser.add_argument("--from", dest="start_from", type=Path, metavar="FILE", help="an encoder to go on from")
    add_run_options(parser, size_px=160, batch=8, half_size=0.0)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Distil; 0 when done."""
    from ..trainers.distill import DistillArgs, DistillTask
    from ..trainers.shard import joined

    with joined() as shard:
        options = DistillArgs(
            **run_options(args, shard),
            paintings=tuple(args.paintings),
            teachers=tuple(args.teacher),
            start_from=args.start_from,
        )
        run_task(DistillTask(options), options, resume=args.resume)
    return 0
