"""`brushwork train`: new styles from paintings and a folder of photos."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from ..trainers.loop import Callback


CREDIT_KEYS = ("title", "attribution", "license")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a style network",
        description="Train a style network from one painting (vanilla, in) or several (cin).",
    )
    parser.add_argument(
        "method",
        choices=("vanilla", "in", "cin"),
        help="batch norm, instance norm, or many styles in one net",
    )
    parser.add_argument("--style", nargs="+", type=Path, required=True, metavar="PICTURE", help="the painting(s)")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="folder of content photos")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.safetensors")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="length in minutes, all resumed parts together")
    length.add_argument("--steps", type=int, help="length in steps; reproducible bit for bit on one machine")
    parser.add_argument(
        "--encoder",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="loss network: VGG file(s); a layer comes from the first that has it",
    )
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="side of the training crops (256)")
    parser.add_argument(
        "--style-size",
        type=int,
        default=256,
        metavar="PX",
        help="short side of the paintings: smaller gives larger strokes (256)",
    )
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument(
        "--widths",
        type=int,
        nargs=3,
        default=(16, 48, 96),
        metavar="N",
        help="channels of the encoder stages (16 48 96)",
    )
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument(
        "--content-target",
        type=float,
        default=0.7,
        help="content loss to hold; lower keeps more of the photo (0.7)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--float32", action="store_true", help="no bfloat16 arithmetic: slower, for processors without it"
    )
    parser.add_argument(
        "--preview",
        type=Path,
        nargs="+",
        default=[],
        metavar="PHOTO",
        help="photos for OUT.preview.png, drawn again every minute",
    )
    parser.add_argument(
        "--credits", type=Path, metavar="FILE.json", help="who painted what: {file stem: {title, attribution, license}}"
    )
    parser.add_argument("--license", default="unknown", metavar="SPDX", help="licence of the trained weights")
    parser.add_argument("--resume", action="store_true", help="go on from OUT.safetensors.train")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done."""
    from ..trainers.args import TrainArgs
    from ..trainers.interrupt import InterruptBetweenSteps
    from ..trainers.loop import run as run_task
    from ..trainers.methods import make_task
    from ..trainers.report import JsonLines, PreviewStrip

    options = TrainArgs(
        method=args.method,
        styles=tuple(args.style),
        photos=args.photos,
        out=args.out,
        encoder=tuple(args.encoder),
        steps=args.steps,
        minutes=args.minutes,
        size_px=args.size,
        batch=args.batch,
        style_size_px=args.style_size,
        widths=tuple(args.widths),
        learning_rate=args.learning_rate,
        content_target=args.content_target,
        seed=args.seed,
        bf16=not args.float32,
        credits=_read_credits(args.credits) if args.credits else {},
        model_license=args.license,
    )
    task = make_task(options)
    callbacks: list[Callback] = [progress_line(), JsonLines(args.out.with_suffix(".log.jsonl"), append=args.resume)]
    if args.preview:
        callbacks.append(PreviewStrip(task, args.out.with_suffix(".preview.png"), args.preview, args.size))
    with InterruptBetweenSteps() as interrupt:
        print(run_task(task, options, resume=args.resume, callbacks=(*callbacks, interrupt)))
    return 0


def _read_credits(path: Path) -> dict[str, dict[str, str]]:
    """Title, attribution and licence of paintings by file stem."""
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


def progress_line() -> Callback:
    """One line that is redrawn: percent, step, time, losses."""
    from ..trainers.loop import Progress

    def draw(progress: Progress) -> None:
        if progress.step % 10 and progress.fraction < 1:
            return
        losses = progress.losses
        end = "\r" if sys.stderr.isatty() else "\n"
        if sys.stderr.isatty() or progress.step % 100 == 0:
            print(
                f"{min(1.0, progress.fraction):6.1%}  step {progress.step}  {progress.seconds / 60:.1f} min  "
                f"style {losses.style:.3f}  content {losses.content:.3f}",
                file=sys.stderr,
                end=end,
                flush=True,
            )

    return draw
