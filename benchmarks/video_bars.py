"""Bars of video on this machine: flicker, style, time of the flow, memory over a film, kill -9 and rerun.

    python benchmarks/video_bars.py flicker --style starry-night --frames 12 --size 432x240
    python benchmarks/video_bars.py flow
    python benchmarks/video_bars.py memory --model NET --frames 300 --size 1280x720
    python benchmarks/video_bars.py kill --model NET

Warping error: mean squared difference of a painting and the one before, moved by the exact flow, over pixels that
can be seen in both (Lai et al. 2018, eq. 9).
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from moving_scene import MovingScene

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.hub import resolve_files
from brushwork.core.images import resize_short_side
from brushwork.core.inference import Stylizer
from brushwork.core.inference.video import TemporalOptions, VideoStylizer
from brushwork.core.inference.video.flow import lucas_kanade_flow
from brushwork.core.inference.video.warp import warp
from brushwork.core.pictures import read_picture

EDGE_PX = 16
"""Left out where the borders of pictures, which padding decides, are not to count."""
SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"


def scene(width: int, height: int) -> MovingScene:
    photos = [read_picture(SAMPLES / name).image[0, :3] for name in ("coffee.jpg", "chelsea.jpg")]
    return MovingScene(photos[0], photos[1], height, width)


def warping_error(frames: list, clip: MovingScene) -> float:
    errors = []
    for t in range(1, len(frames)):
        flow, seen = clip.flow(t, t - 1)
        difference = (frames[t] - warp(frames[t - 1], flow, mode="bicubic")).square().mean(1, keepdim=True)
        errors.append(float(difference[seen].mean()))
    return statistics.mean(errors)


def flicker(args: argparse.Namespace) -> None:
    clip = scene(*args.size)
    frames = [clip.frame(t) for t in range(args.frames)]
    stylizer = Stylizer(load_checkpoint(*resolve_files(args.model)), "cpu", "exact")
    alone = [stylizer(frame, args.style) for frame in frames]
    video = VideoStylizer(stylizer, TemporalOptions(args.blend, args.smooth))
    painted = [video(frame, args.style) for frame in frames]
    before, after = warping_error(alone, clip), warping_error(painted, clip)
    ratio = after / before
    print(f"{args.style}: warping error {before:.5f} -> {after:.5f}, x {ratio:.3f} (root x {ratio**0.5:.3f})")
    if args.ruler and args.painting:
        spec = importlib.util.spec_from_file_location("ruler", args.ruler)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        ruler = module.Ruler()
        painting = resize_short_side(read_picture(args.painting).image[:, :3], 256)
        for name, edge in (("whole frames", 0), (f"without {EDGE_PX} px at the edges", EDGE_PX)):

            def loss(picture: torch.Tensor, t: int, edge: int = edge) -> float:
                height, width = picture.shape[-2:]
                inside = (..., slice(edge, height - edge), slice(edge, width - edge))
                return ruler.losses(picture[inside], frames[t][inside], painting)[0]

            losses = [(loss(alone[t], t), loss(painted[t], t)) for t in range(1, args.frames, 2)]
            ratio = sum(after for _, after in losses) / sum(before for before, _ in losses)
            single = [after / before for before, after in losses]
            print(f"  style loss, {name}: x {ratio:.3f}, single frames x {min(single):.2f} to {max(single):.2f}")


def flow(args: argparse.Namespace) -> None:
    clip = scene(*args.size)
    a, b = clip.frame(1), clip.frame(0)
    truth, seen = clip.flow(1, 0)
    found = lucas_kanade_flow(a, b)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        found = lucas_kanade_flow(a, b)
        times.append(time.perf_counter() - start)
    error = (found - truth).norm(dim=1, keepdim=True)[seen]
    print(f"flow at {args.size}: {statistics.median(times) * 1000:.0f} ms, {torch.get_num_threads()} threads, ", end="")
    print(f"endpoint error mean {error.mean():.3f}, median {error.median():.3f} px")


def write_film(path: Path, frames: int, width: int, height: int) -> None:
    import av

    clip = scene(width, height)
    period = [clip.frame(t) for t in range(12)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            place = index % 22
            picture = period[place if place < 12 else 22 - place][0].movedim(0, -1).mul(255).byte().numpy()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture.copy(), format="rgb24")))
        out.mux(stream.encode(None))


def command(source: Path, target: Path, args: argparse.Namespace) -> subprocess.Popen:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from brushwork.cli.main import main; sys.exit(main())"
    root = str(Path(__file__).resolve().parents[2])
    words = ["video", str(source), "-o", str(target), "--model", args.model, "--device", "cpu"]
    return subprocess.Popen([sys.executable, "-P", "-c", code, root, *words], stdout=subprocess.DEVNULL)


def resident_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("RssAnon"))


def memory(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        write_film(source, args.frames, *args.size)
        process = command(source, target, args)
        seen: list[float] = []
        while process.poll() is None:
            try:
                seen.append(resident_mib(process.pid))
            except (OSError, StopIteration):
                break
            time.sleep(0.5)
    quarters = [seen[len(seen) * i // 4 : len(seen) * (i + 1) // 4] for i in range(1, 4)]
    print(
        f"{args.frames} frames of {args.size}, exit {process.wait()}, {len(seen)} samples of anonymous resident memory"
    )
    print("  highest in the 2nd, 3rd, 4th quarter, MiB:", [round(max(part)) for part in quarters])


def kill(args: argparse.Namespace) -> None:
    import av

    def decoded(path: Path) -> list:
        with av.open(str(path)) as media:
            return [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in media.decode(video=0)]

    with tempfile.TemporaryDirectory() as folder:
        source, whole, target = (Path(folder) / name for name in ("in.mp4", "whole.mp4", "out.mp4"))
        write_film(source, args.frames, *args.size)
        assert command(source, whole, args).wait() == 0
        process = command(source, target, args)
        while not (target.with_name("out.mp4.parts") / "state.safetensors").exists() and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        process.wait()
        finished = target.exists()
        assert command(source, target, args).wait() == 0
        a, b = decoded(whole), decoded(target)
        same = len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        print(f"killed before the end: {not finished}; {len(a)} frames, identical: {same}")


def size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bars = {"flicker": flicker, "flow": flow, "memory": memory, "kill": kill}
    parser.add_argument("bar", choices=bars)
    parser.add_argument("--size", type=size, default=(640, 360))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--model", default="cin-starter")
    parser.add_argument("--style", default="starry-night")
    parser.add_argument("--blend", type=float, default=0.4)
    parser.add_argument("--smooth", type=float, default=0.8)
    parser.add_argument("--ruler", type=Path)
    parser.add_argument("--painting", type=Path)
    arguments = parser.parse_args()
    bars[arguments.bar](arguments)
