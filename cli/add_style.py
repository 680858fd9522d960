"""`brushwork add-style`: one more painting for a CIN model, in minutes."""

from __future__ import annotations

import argparse
from pathlib import Path

from ._training import add_run_options, run_task
from .train import add_style_options, pictures, style_options


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "add-style",
        help="add paintings to a CIN model",
        description="Train only the new styles' gamma and beta; all other styles stay bit for bit.",
    )
    parser.add_argument("model", metavar="MODEL", help="id or file of a model with conditional instance norm")
    parser.add_argument("--style", nargs="+", type=Path, required=True, metavar="PICTURE", help="the painting(s)")
    add_run_options(parser, size_px=256, batch=4, half_size=0.5, learning_rate=0.01)
    add_style_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done."""
    from ..core.hub import resolve_model
    from ..trainers.add_style import AddStyleTask
    from ..trainers.args import TrainArgs
    from ..trainers.shard import joined

    with joined() as shard:
        options = TrainArgs(**style_options(args, shard), method="cin")
        task = AddStyleTask(options, resolve_model(args.model))
        run_task(
            task, options, resume=args.resume, callbacks=pictures(task, options, args.preview, last=len(options.styles))
        )
    return 0
