"""What overlapping gains: picture files and frames of a film, one step after the other and all steps at once.

    python benchmarks/throughput.py [--models FILE ...] [--pictures 12] [--size 1024] [--rounds 3] [--precision fast]

Both ways take turns within one process and do the same work; medians of seconds. Encoding is that of the command line:
PNG, JPEG for photos, and H.264 for films.
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


def compare(run: Callable[[], None], where: str, rounds: int) -> dict:
    times: dict[str, list[float]] = {"sequential_s": [], "overlapped_s": []}
    for turn in range(rounds + 1):
        for name, seconds in times.items():
            began = time.perf_counter()
            if name == "overlapped_s":
                run()
            else:
                with mock.patch(where, one_after_the_other):
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

    import av
    import numpy as np
    from brushwork.core.checkpoints import load_checkpoint
    from brushwork.core.inference import Stylizer
    from brushwork.core.inference.video import FilmPainter, TemporalOptions, VideoStylizer
    from brushwork.core.pictures.folder import paint_folder, plan_folder
    from brushwork.core.videos import Encoding, VideoJob
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        samples = sorted((ROOT / "assets" / "samples").glob("*.jpg"))
        frames = [Image.open(file).convert("RGB").resize((args.size, args.size)) for file in samples]
        for index in range(args.pictures):
            frames[index % len(frames)].save(folder / "in" / f"{index:03d}.jpg", quality=95)
        with av.open(str(folder / "film.mp4"), "w") as film:
            stream = film.add_stream("libx264", 25)
            stream.width = stream.height = args.size
            for index in range(2 * args.pictures):
                frame = av.VideoFrame.from_ndarray(np.roll(np.asarray(frames[0]), 4 * index, 1), format="rgb24")
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
        for model in args.models:
            stylizer = Stylizer(load_checkpoint(ROOT / "weights" / model), "cpu", args.precision)

            def files(stylizer=stylizer) -> None:
                plan = plan_folder(folder / "in", folder / "out", ".png")
                paint_folder(plan, folder / "out", stylizer, {}, replace_all=True)

            def film_job(stylizer=stylizer) -> None:
                job = VideoJob(folder / "film.mp4", folder / "painted.mp4", Encoding(".mp4"), sound=False)
                job.run(FilmPainter(VideoStylizer(stylizer, TemporalOptions(smooth=0, blend=0)), None))

            for what, run, where in (
                ("files", files, "brushwork.core.pictures.folder.overlapped"),
                ("film", film_job, "brushwork.core.videos.job.overlapped"),
            ):
                row = {"model": model, "precision": args.precision, "what": what, "size": args.size}
                print(json.dumps(row | compare(run, where, args.rounds)), flush=True)


if __name__ == "__main__":
    main()
