"""What each method has learned after five minutes from random weights, as JSON.

    python benchmarks/five_minutes.py --ruler RULER.py --photos DIR --held-out DIR --painting STARRY.jpg WAVE.jpg \\
        --styles DIR --unseen PICTURE … -o DIR [--methods in comatch] [--clock cpu]

vanilla and in learn the first painting, cin both, comatch and adain the pictures of `--styles`, and are judged on
paintings they never saw. All options are the command's defaults but what is given here. `--clock cpu` counts the
processor time of the process divided by its threads: on a machine that does other things the wall clock measures
those too. The models and their contact pictures stay in the output folder, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from brushwork.cli._memory import keep_freed_memory
from brushwork.core.hub import resolve_files
from brushwork.core.inference.device import bf16_is_fast
from brushwork.trainers.args import ANY_STYLE, METHODS, TrainArgs
from brushwork.trainers.loop import run
from brushwork.trainers.methods import make_task
from PIL import Image
from starter_bars import Judge, Model, load_module, losses, square
from train_speed import CLOCKS

SEEN = 4
"""Photos in the picture of each method."""


def train(method: str, args: argparse.Namespace) -> tuple[Path, int]:
    """Path of the model and its number of steps."""
    styles = {"cin": tuple(args.painting), **dict.fromkeys(ANY_STYLE, (args.styles,))}
    options = TrainArgs(
        method=method,
        styles=styles.get(method, (args.painting[0],)),
        photos=args.photos,
        out=args.out / f"{method}.safetensors",
        encoder=tuple(args.encoder or resolve_files("compact")),
        minutes=args.minutes,
        size_px=args.any_style_size if method in ANY_STYLE else 256,
        style_size_px=args.any_style_size if method in ANY_STYLE else 256,
        bf16=bf16_is_fast(torch.device("cpu")),
    )
    steps = [0]
    run(make_task(options), options, callbacks=(lambda p: steps.append(p.step),), clock=CLOCKS[args.clock])
    return options.out, steps[-1]


def show(model: Model, judge: Judge, path: Path) -> float:
    """Write a row of photos for each style; mean distance in 0..255 between styles, of the same photo."""
    rows = [[model(photo, name) for photo in judge.photos[:SEEN]] for name in model.names]
    sheet = torch.cat([torch.cat(row, 3) for row in (judge.photos[:SEEN], *rows)], 2)[0]
    pixels = (sheet.clamp(0, 1) * 255).round().byte().movedim(0, -1)
    Image.fromarray(pixels.contiguous().numpy()).save(path)
    stacked = torch.stack([torch.cat(row) for row in rows])
    apart = (stacked[:, None] - stacked[None]).abs().mean((2, 3, 4, 5)).sum()
    return round(float(apart) * 255 / max(1, len(rows) * (len(rows) - 1)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ruler", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--pattern", default="*.jpg")
    parser.add_argument("--count", type=int, default=20, help="held-out photos")
    parser.add_argument("--painting", type=Path, nargs="+", required=True)
    parser.add_argument("--styles", type=Path, required=True, help="folder of paintings for comatch and adain")
    parser.add_argument("--unseen", type=Path, nargs="+", required=True, help="paintings that are not among them")
    parser.add_argument("--encoder", type=Path, nargs="+", help="loss network; the bundled one by default")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--any-style-size", type=int, default=128, help="side of crops for comatch and adain")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    photos = [square(path, 256) for path in sorted(args.held_out.glob(args.pattern))[: args.count]]
    judge = Judge(load_module(args.ruler), photos)
    report: dict = {"minutes": args.minutes, "clock": args.clock, "threads": torch.get_num_threads()}
    for method in args.methods:
        began = time.monotonic()
        path, steps = train(method, args)
        names = [picture.stem for picture in args.unseen] if method in ANY_STYLE else []
        folder = args.unseen[0].parent if method in ANY_STYLE else args.painting[0].parent
        with torch.inference_mode():
            model = Model([str(path)], folder, names)
            report[method] = {"steps": steps, "wall_s": round(time.monotonic() - began), **losses(model, judge)}
            report[method]["apart_255"] = show(model, judge, path.with_suffix(".jpg"))
        print(method, json.dumps(report[method]), flush=True)
        (args.out / "report.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
