"""What overlapping gains: picture files read, painted and written one step after the other, and all steps at once.

    python benchmarks/throughput.py [--models FILE ...] [--pictures 12] [--size 1024] [--rounds 3] [--precision fast]

Both ways take turns within one process and do the same work, from JPEG to PNG; medians of seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent


def one_after_the_other(items, load, work, store, **_) -> Iterator:
    """`overlapped` without threads."""
    for item in items:
        yield item, store(item, work(item, load(item)))


def compare(run: Callable[[], None], rounds: int) -> dict:
    times: dict[str, list[float]] = {"sequential_s": [], "overlapped_s": []}
    for turn in range(rounds + 1):
        for name, seconds in times.items():
            began = time.perf_counter()
            if name == "overlapped_s":
                run()
            else:
                with mock.patch("brushwork.core.pictures.folder.overlapped", one_after_the_other):
                    run()
            if turn:
                seconds.append(time.perf_counter() - began)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    gain = medians["sequential_s"] / medians["overlapped_s"]
    return {name: round(value, 2) for name, value in medians.items()} | {"gain": round(gain, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tiny-starry-night.safetensors", "starry-night-in.safetensors"])
    parser.add_argument("--precision", default="fast")
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    from brushwork.core.checkpoints import load_checkpoint
    from brushwork.core.inference import Stylizer
    from brushwork.core.pictures.folder import paint_folder, plan_folder
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        samples = sorted((ROOT / "assets" / "samples").glob("*.jpg"))
        frames = [Image.open(file).convert("RGB").resize((args.size, args.size)) for file in samples]
        for index in range(args.pictures):
            frames[index % len(frames)].save(folder / "in" / f"{index:03d}.jpg", quality=95)
        for model in args.models:
            stylizer = Stylizer(load_checkpoint(ROOT / "weights" / model), "cpu", args.precision)

            def files(stylizer=stylizer) -> None:
                plan = plan_folder(folder / "in", folder / "out", ".png")
                paint_folder(plan, folder / "out", stylizer, {}, replace_all=True)

            row = {"model": model, "precision": args.precision, "size": args.size}
            print(json.dumps(row | compare(files, args.rounds)), flush=True)


if __name__ == "__main__":
    main()
