"""Bars of video on this machine: flicker, style, time of the flow, memory over a film, kill -9 and rerun.

    python benchmarks/video_bars.py flicker --style klimt-adele--small --frames 24 --size 384x224 \\
        --ruler RULER.py --painting klimt-adele.jpg [--pan 0.6 0.3 --zoom 1.006 --turn 0.1] [--photo A.jpg]
    python benchmarks/video_bars.py flow
    python benchmarks/video_bars.py memory --model NET --frames 300 --size 1280x720
    python benchmarks/video_bars.py kill --model NET

Warping error: mean squared difference of a painting and the one before, moved by the exact flow, over pixels that
can be seen in both (Lai et al. 2018, eq. 9). Style loss: by the ruler given, of whole frames and as a mean over crops
at four phases of its network's pooling, since the same painting moved by half a pixel measures up to a fifth better or
worse.
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

EDGE_PX = 8
"""Left out at the borders of pictures, which padding decides."""
PHASES = ((0, 0), (1, 2), (2, 1), (3, 3))
"""Offsets of the crops, pixels down and right."""
SOUND_HZ = 16000
SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"


def scene(args: argparse.Namespace) -> MovingScene:
    """The clip, in motion as the options say."""
    photos = [read_picture(path).image[0, :3] for path in (args.photo, SAMPLES / "chelsea.jpg")]
    width, height = args.size
    return MovingScene(*photos, height, width, pan=tuple(args.pan), zoom=args.zoom, turn=args.turn)


def warping_error(frames: list, clip: MovingScene) -> float:
    errors = []
    for t in range(1, len(frames)):
        flow, seen = clip.flow(t, t - 1)
        difference = (frames[t] - warp(frames[t - 1], flow, mode="bicubic")).square().mean(1, keepdim=True)
        errors.append(float(difference[seen].mean()))
    return statistics.mean(errors)


def flicker(args: argparse.Namespace) -> None:
    clip = scene(args)
    frames = [clip.frame(t) for t in range(args.frames)]
    stylizer = Stylizer(load_checkpoint(*resolve_files(args.model)), "cpu", "exact")
    painting = resize_short_side(read_picture(args.painting).image[:, :3], 256) if args.painting else None
    style = painting if stylizer.model.style_kind == "image" else args.style
    alone = [stylizer(frame, style) for frame in frames]
    video = VideoStylizer(stylizer, TemporalOptions(args.blend, args.smooth))
    start = time.process_time()
    painted = [video(frame, style) for frame in frames]
    seconds = (time.process_time() - start) / len(frames)
    before, after = warping_error(alone, clip), warping_error(painted, clip)
    ratio = after / before
    print(f"{args.model} {args.style or ''}: warping error {before:.5f} -> {after:.5f}, x {ratio:.3f}", end="")
    print(f" (root x {ratio**0.5:.3f}), {video.cuts} cuts, {seconds:.2f} s of processor time a frame")
    if args.ruler and painting is not None:
        ruler = load_ruler(args.ruler)
        times = range(3, args.frames, 5)
        whole, phases = [], []
        for t in times:
            both = [style_losses(ruler, pictures[t], frames[t], painting) for pictures in (alone, painted)]
            whole.append([losses[0] for losses in both])
            phases.append([statistics.mean(losses[1:]) for losses in both])
        for name, pairs in (("whole frames", whole), ("mean over phases", phases)):
            ratio = sum(after for _, after in pairs) / sum(before for before, _ in pairs)
            single = [after / before for before, after in pairs]
            print(f"  style loss, {name}: x {ratio:.3f}, single frames x {min(single):.2f} to {max(single):.2f}")


def load_ruler(path: Path):
    spec = importlib.util.spec_from_file_location("ruler", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Ruler()


def style_losses(ruler, painted: torch.Tensor, photo: torch.Tensor, painting: torch.Tensor) -> list[float]:
    """Of the whole frame, then of the crops."""
    height, width = painted.shape[-2:]
    crops = [
        (..., slice(EDGE_PX + y, height - EDGE_PX - 4 + y), slice(EDGE_PX + x, width - EDGE_PX - 4 + x))
        for y, x in PHASES
    ]
    return [ruler.losses(painted[part], photo[part], painting)[0] for part in [..., *crops]]


def flow(args: argparse.Namespace) -> None:
    clip = scene(args)
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


def write_film(path: Path, args: argparse.Namespace) -> None:
    """Frames to and fro, and a tone that rises, so that every packet of the sound differs."""
    import av
    import numpy as np

    (width, height), frames = args.size, args.frames
    clip = scene(args)
    period = [clip.frame(t) for t in range(12)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        tone = out.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for index in range(frames):
            place = index % 22
            picture = period[place if place < 12 else 22 - place][0].movedim(0, -1).mul(255).byte().numpy()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture.copy(), format="rgb24")))
            first = index * SOUND_HZ // 25
            seconds = np.arange(first, first + SOUND_HZ // 25) / SOUND_HZ
            samples = (0.3 * np.sin(2 * np.pi * (300 + 20 * seconds) * seconds)).astype(np.float32)[None]
            chunk = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            chunk.sample_rate, chunk.pts = SOUND_HZ, first
            out.mux(tone.encode(chunk))
        out.mux(stream.encode(None))
        out.mux(tone.encode(None))


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
        write_film(source, args)
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

    def sound(path: Path) -> tuple[list, torch.Tensor]:
        """Packets with their times, and what is heard."""
        with av.open(str(path)) as media:
            packets = [(float(p.pts * p.time_base), bytes(p)) for p in media.demux(audio=0) if p.dts is not None]
        with av.open(str(path)) as media:
            heard = [torch.from_numpy(frame.to_ndarray()) for frame in media.decode(audio=0)]
        return packets, torch.cat(heard, 1)

    with tempfile.TemporaryDirectory() as folder:
        source, whole, target = (Path(folder) / name for name in ("in.mp4", "whole.mp4", "out.mp4"))
        write_film(source, args)
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
        (source_packets, source_heard), (packets, heard), (again, heard_again) = map(sound, (source, whole, target))
        same = packets == again and torch.equal(heard, heard_again)
        kept = [data for _, data in source_packets] == [data for _, data in again] and torch.equal(source_heard, heard)
        print(f"  sound: {len(again)} packets, identical: {same}, as in the source: {kept}")


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
    parser.add_argument("--style")
    parser.add_argument("--photo", type=Path, default=SAMPLES / "coffee.jpg")
    parser.add_argument("--pan", type=float, nargs=2, default=(2.3, 0.7), help="pixels a frame, right and down")
    parser.add_argument("--zoom", type=float, default=1.003, help="factor a frame")
    parser.add_argument("--turn", type=float, default=0.15, help="degrees a frame")
    parser.add_argument("--blend", type=float, default=TemporalOptions().blend)
    parser.add_argument("--smooth", type=float, default=0.8)
    parser.add_argument("--ruler", type=Path)
    parser.add_argument("--painting", type=Path)
    arguments = parser.parse_args()
    bars[arguments.bar](arguments)
