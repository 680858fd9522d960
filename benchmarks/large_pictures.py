"""Pictures from file to file: memory, time per megapixel, exactness, and whether strips leave seams.

    python benchmarks/large_pictures.py sizes [--megapixels 4 16 36 64] [--max-memory 1GiB] [--precision exact]
    python benchmarks/large_pictures.py file --size 4096x4096 --max-memory 500MiB [--suffix .png] [--psnr]
    python benchmarks/large_pictures.py tensor --size 4096x4096 --max-memory 1GiB [--psnr]
    python benchmarks/large_pictures.py seam

`--model` takes a model and its companions, `--style` a picture for models that want one, such as AdaIN and CoMatch:
`--model weights/adain-starter.safetensors weights/compact-encoder.safetensors --style picture.jpg`.

Every picture is painted in a process of its own, by what `brushwork stylize` calls. `rss_anon_mib` is the most
private memory of that process, `over_idle_mib` what the picture adds to the process with the model loaded: photo,
layers and painting. With `tensor` the photo is there before the clock starts, as a tensor, and counts as idle.
`cpu_s` is processor time of all threads, for machines that do other things as well; seconds of both kinds are given.
The photo is a mosaic of the sample pictures. `psnr_db` is against the engine in float64, which the tests hold to the
plain path within 1e-10.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "weights" / "starry-night-in.safetensors"
TILE = 1000


def mosaic(path: Path, height: int, width: int) -> None:
    """A photo of any size: the samples, enlarged, side by side."""
    from PIL import Image

    samples = [Image.open(file).convert("RGB") for file in sorted((ROOT / "assets" / "samples").glob("*.jpg"))]
    image = Image.new("RGB", (width, height))
    for index, (top, left) in enumerate((y, x) for y in range(0, height, TILE) for x in range(0, width, TILE)):
        image.paste(samples[index % len(samples)].resize((TILE, TILE), Image.Resampling.BICUBIC), (left, top))
    image.save(path, quality=95, compress_level=1)


def anonymous_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024


def style_of(path: str | Path | None) -> torch.Tensor | None:
    from brushwork.core.images import resize_short_side
    from brushwork.core.pictures import read_picture

    return None if not path else resize_short_side(read_picture(path).image[:, :3], 512)


def worker(what: str, source: str, target: str, precision: str, max_memory: str, style: str, *model: str) -> None:
    """Paint one picture; a line of JSON."""
    from brushwork.core.checkpoints import load_checkpoint
    from brushwork.core.inference import Stylizer
    from brushwork.core.inference.memory import parse_bytes
    from brushwork.core.inference.stream import Painting
    from brushwork.core.inference.stream_file import stream_file
    from brushwork.core.pictures import read_picture

    bound = parse_bytes(max_memory) if max_memory else None
    stylizer = Stylizer(load_checkpoint(*model), "cpu", precision, max_memory=bound)
    picture = style_of(style)
    photo = read_picture(source).image if what == "tensor" else None
    idle, most, done = anonymous_mib(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, cpu = time.perf_counter(), time.process_time()
    whole = ""
    if photo is None:
        whole = stream_file(stylizer, source, target, Painting(picture), on_strip=lambda share: None)
    else:
        painting = stylizer(photo, picture, on_strip=lambda share: None)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    done.set()
    watcher.join()
    assert not whole, whole
    if photo is not None:
        torch.save(painting, target)
    row = {"wall_s": round(seconds, 1), "cpu_s": round(cpu, 1), "rss_anon_mib": round(most)}
    print(json.dumps(row | {"over_idle_mib": round(most - idle)}))


def paint(source: Path, target: Path, args: argparse.Namespace) -> dict:
    what = "tensor" if args.what == "tensor" else "file"
    command = [sys.executable, __file__, "--worker", what, str(source), str(target), args.precision]
    command += [args.max_memory or "", str(args.style or ""), *map(str, args.model)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def psnr_to_float64(source: Path, target: Path, args: argparse.Namespace) -> float:
    """Of the painted pixels, strip by strip."""
    import numpy as np
    from brushwork.core.checkpoints import load_checkpoint
    from brushwork.core.inference.engine.store import MemoryRows
    from brushwork.core.inference.painter import Painter, Plan, scratch_folder
    from brushwork.core.inference.stream_file import Integers
    from brushwork.core.pictures.rows import read_rows

    def whole(path: Path) -> MemoryRows:
        rows = read_rows(path)
        assert rows
        array = np.concatenate(list(rows.blocks))
        return MemoryRows(torch.from_numpy(array).permute(2, 0, 1)[None])

    painter = Painter(load_checkpoint(*args.model), torch.device("cpu"), torch.float64)
    style = style_of(args.style)
    code = painter.model.encode(None if style is None else style.double(), 1)
    photo = Integers(whole(source))
    painting = MemoryRows(torch.load(target)) if args.what == "tensor" else Integers(whole(target))
    error, first = 0.0, 0
    for block in painter.paint_rows(photo, code, [Plan(keep=False, spill=scratch_folder())]):
        written = painting.read(first, block.shape[2]).double()
        error += float((block - written).square().sum())
        first += block.shape[2]
    return -10 * float(np.log10(error / (3 * photo.height * photo.width)))


def seam(model: list[Path], style: Path | None) -> dict:
    """1500×1100: steps from row to row where blocks of the painting meet, against those elsewhere."""
    from brushwork.core.checkpoints import load_checkpoint
    from brushwork.core.inference import Stylizer
    from brushwork.core.inference.engine.store import MemoryRows
    from brushwork.core.inference.stream import Painting, Stream
    from brushwork.core.pictures import read_picture

    with tempfile.TemporaryDirectory() as folder:
        mosaic(Path(folder) / "photo.png", 1100, 1500)
        photo = read_picture(Path(folder) / "photo.png").image
    loaded, picture = load_checkpoint(*model), style_of(style)
    stylizer = Stylizer(loaded, "cpu", "exact")
    stream = Stream(stylizer, 1100, 1500, Painting(picture))
    blocks = list(stream.rows(MemoryRows(photo), stylizer.painter.plans(1100, 1500)))
    painting, plain = torch.cat(blocks, 2), loaded(photo, picture)
    ends = torch.tensor([block.shape[2] for block in blocks]).cumsum(0)[:-1]

    def ratio(image: torch.Tensor) -> float:
        steps = image.diff(dim=2).abs().mean((0, 1, 3))
        border = torch.zeros(len(steps), dtype=torch.bool)
        border[ends - 1] = True
        return float(steps[border].mean() / steps[~border].mean())

    return {
        "strips": len(blocks),
        "largest_difference_255": round(float((painting - plain).abs().max()) * 255, 5),
        "steps_at_borders_over_elsewhere": round(ratio(painting), 5),
        "the_same_in_the_plain_path": round(ratio(plain), 5),
    }


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        return worker(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sizes", "file", "tensor", "seam"))
    parser.add_argument("--model", type=Path, nargs="+", default=[MODEL])
    parser.add_argument("--style", type=Path, help="picture, for models that want one")
    parser.add_argument("--megapixels", type=int, nargs="+", default=[4, 16, 36, 64])
    parser.add_argument("--size", default="4096x4096", help="WIDTHxHEIGHT")
    parser.add_argument("--max-memory", help="as of `brushwork stylize`")
    parser.add_argument("--precision", default="exact")
    parser.add_argument("--suffix", default=".png", help="of photo and painting")
    parser.add_argument("--psnr", action="store_true", help="also compare with float64, which takes longer")
    args = parser.parse_args()
    if args.what == "seam":
        print(json.dumps(seam(args.model, args.style), indent=1))
        return None
    width, height = (int(side) for side in args.size.split("x"))
    sizes = (
        [(height, width)]
        if args.what in ("file", "tensor")
        else [(round((m * 1e6) ** 0.5),) * 2 for m in args.megapixels]
    )
    for height, width in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = (Path(folder) / f"{name}{args.suffix}" for name in ("photo", "painting"))
            target = target.with_suffix(".pt") if args.what == "tensor" else target
            mosaic(source, height, width)
            row = {"size": f"{width}×{height}", "suffix": args.suffix, **paint(source, target, args)}
            for kind in ("wall_s", "cpu_s"):
                row[f"{kind}_per_megapixel"] = round(row[kind] * 1e6 / (height * width), 3)
            if args.psnr:
                row["psnr_db"] = round(psnr_to_float64(source, target, args), 2)
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return None


if __name__ == "__main__":
    main()
