"""What the trainer's options do: a contact sheet with a row an option, a column a value, each a short run of its own.

    python benchmarks/knob_sheets.py --photos DIR --painting great-wave.jpg -o docs/images/knobs.jpg --work DIR

Short runs from the bundled CIN starter, so that what differs is the option and not how far
a network came; widths and upsampling cannot be taken over and begin from nothing, with three times the minutes. Models
that lie in `--work` are not trained again. Style and content under each are the last tenth's means of the run itself.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from brushwork.cli._memory import keep_freed_memory
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.hub import resolve_files
from brushwork.core.images import resize_short_side
from brushwork.core.inference import Stylizer
from brushwork.core.inference.device import bf16_is_fast
from brushwork.core.pictures import contact_sheet
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.data import read_rgb
from brushwork.trainers.loop import run
from brushwork.trainers.methods import make_task
from model_sheets import SAMPLES, save
from torch import Tensor
from train_speed import CLOCKS

NOTHING_TAKEN_OVER = 3
"""Times the minutes of a run that begins from random weights."""
KNOBS: dict[str, dict[str, dict[str, Any]]] = {
    "--content-target": {"0.4": {"content_target": 0.4}, "0.7": {}, "1.0": {"content_target": 1.0}},
    "--style-size": {"128": {"style_size_px": 128}, "256": {}, "512": {"style_size_px": 512}},
    "--statistic": {"gram": {}, "mean-std": {"statistic": "mean-std"}, "mrf": {"statistic": "mrf"}},
    "--style-layers": {
        "relu1_1 relu2_1": {"style_layers": (("relu1_1", 1.0), ("relu2_1", 1.0))},
        "all five": {},
        "relu4_1 relu5_1": {"style_layers": (("relu4_1", 1.0), ("relu5_1", 1.0))},
    },
    "--widths, from nothing": {
        "8 16 32": {"widths": (8, 16, 32), "start_from": None},
        "16 48 96": {"start_from": None},
        "32 64 128": {"widths": (32, 64, 128), "start_from": None},
    },
}


def trained(args: TrainArgs) -> tuple[Path, str]:
    """The model of a run and its losses, as text."""
    told = args.out.with_suffix(".json")
    if not told.exists():
        losses: list[tuple[float, float]] = []
        run(
            make_task(args),
            args,
            callbacks=(lambda p: losses.append((p.losses.style, p.losses.content)),),
            clock=CLOCKS["cpu"],
        )
        style, content = map(fmean, zip(*losses[-len(losses) // 10 :], strict=True))
        told.write_text(json.dumps({"steps": len(losses), "style": round(style, 3), "content": round(content, 3)}))
    found = json.loads(told.read_text())
    print(args.out.stem, found, flush=True)
    return args.out, f"style {found['style']:.2f}, content {found['content']:.2f}"


@torch.inference_mode()
def painted(path: Path, photos: list[Tensor]) -> Tensor:
    """The photos beside each other, (1, 3, H, W)."""
    stylizer = Stylizer(load_checkpoint(path), "cpu")
    return torch.cat([stylizer(photo) for photo in photos], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0.6, help="of processor time, each run")
    parser.add_argument("--work", type=Path, required=True, help="folder for the models")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    keep_freed_memory()
    args.work.mkdir(parents=True, exist_ok=True)
    default = TrainArgs(
        method="in",
        styles=(args.painting,),
        photos=args.photos,
        out=args.work / "default.safetensors",
        encoder=tuple(resolve_files("compact")),
        minutes=args.minutes,
        size_px=128,  # four times as many steps as with 256
        start_from=resolve_files("cin-starter")[0],
        bf16=bf16_is_fast(torch.device("cpu")),
    )
    samples = [resize_short_side(read_rgb(SAMPLES / name), 200)[..., :300] for name in ("chelsea.jpg", "coffee.jpg")]
    rows: list[list[Tensor | None]] = []
    labels: list[str] = []
    for knob, values in KNOBS.items():
        rows.append([])
        labels.append(knob)
        for value, options in values.items():
            stem = f"{knob} {value}".strip("-").replace(",", "").replace(" ", "_") if options else "default"
            run_args = replace(default, out=args.work / f"{stem}.safetensors", **options)
            if run_args.start_from is None:
                run_args = replace(run_args, minutes=NOTHING_TAKEN_OVER * args.minutes)
            path, losses = trained(run_args)
            rows[-1].append(painted(path, samples))
            labels[-1] += f"\n\n{value}:\n{losses}"
    save(contact_sheet(rows, labels, cell_px=300), args.out)


if __name__ == "__main__":
    main()
