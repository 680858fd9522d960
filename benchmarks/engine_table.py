"""The engine against the reference implementations: method × size × precision, as JSON, a table and a plot.

    python benchmarks/engine_table.py --examples DIR --msg-net DIR --adain DIR [--sizes 512 1024] -o OUT.json

The folders hold the references' own code: pytorch/examples' `transformer_net.py`, zhanghang1989's `net.py` of MSG-Net,
naoto0804's `net.py` and `function.py` of AdaIN. A method whose folder is left out is left out. Every side is a process
of its own, with the same random weights, as its users would run it; they take turns, and medians are compared. The
style is encoded before the clock starts. The first picture of every size is not counted.

`peak` is the arithmetic peak: what a 3×3 convolution of 128 channels reaches on this machine in that precision; a share
above 100 % is possible, since rewritten layers multiply less than the network on paper, which is what is counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

SIDES = ("reference", "exact", "fast")
PRECISION = {"exact": torch.float32, "fast": torch.bfloat16}


def module_of(folder: str, name: str):
    """A reference's module, under a name that nothing else has."""
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"reference_{name}", Path(folder) / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference_network(method: str, folder: str) -> tuple[nn.Module, ...]:
    """Random weights, the same in every process."""
    torch.manual_seed(0)
    if method == "transformer":
        return (module_of(folder, "transformer_net").TransformerNet().eval(),)
    net = module_of(folder, "net")
    if method == "msg-net":
        return (net.Net(ngf=128).eval(),)
    return (nn.Sequential(*list(net.vgg.children())[:31]).eval(), net.decoder.eval())


def multiplications(networks: tuple[nn.Module, ...], run) -> int:
    """Of all convolutions in one run on a small picture."""
    total = 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += out.numel() * module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]

    hooks = [m.register_forward_hook(count) for n in networks for m in n.modules() if isinstance(m, nn.Conv2d)]
    run()
    for hook in hooks:
        hook.remove()
    return total


def runner(method: str, side: str, folder: str, work: Path):
    """photo (1, 3, H, W), 0..1 → painting, 0..1."""
    networks = reference_network(method, folder)
    style = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    files = [work / f"{method}-{side}-{i}.pth" for i in range(len(networks))]
    for network, path in zip(networks, files, strict=True):
        torch.save(network.state_dict(), path)
    if side != "reference":
        from brushwork.core.checkpoints import load_checkpoint
        from brushwork.core.inference import Stylizer

        if method == "adain":  # decoder first, encoder as its companion, in the published file's 53 layers
            files = files[::-1]
        stylizer = Stylizer(load_checkpoint(*files), "cpu", side)
        picture = None if method == "transformer" else style
        return lambda photo: stylizer(photo, picture)
    if method == "transformer":
        return lambda photo: (networks[0](photo * 255) / 255).clamp(0, 1)
    if method == "msg-net":
        networks[0].setTarget(style.flip(1) * 255)
        return lambda photo: (networks[0](photo.flip(1) * 255).flip(1) / 255).clamp(0, 1)
    exchange = module_of(folder, "function").adaptive_instance_normalization
    features = networks[0](style)
    return lambda photo: networks[1](exchange(networks[0](photo), features)).clamp(0, 1)


def worker(method: str, side: str, folder: str, work: str) -> None:
    """Sizes from stdin; `milliseconds peak_kib` a line on stdout."""
    with torch.inference_mode():
        run = runner(method, side, folder, Path(work))
        for line in sys.stdin:
            photo = torch.rand(1, 3, int(line), int(line), generator=torch.Generator().manual_seed(2))
            idle = memory_kib("VmRSS")
            began = time.perf_counter()
            painting = run(photo)
            ms = (time.perf_counter() - began) * 1e3
            torch.save(painting, f"{work}/{method}-{side}-{int(line)}.pt")
            print(ms, max(0, memory_kib("VmHWM") - idle), flush=True)


def memory_kib(field: str) -> int:
    path = Path("/proc/self/status")
    text = path.read_text() if path.exists() else ""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(field)), 0)


def peak_flops(dtype: torch.dtype) -> float:
    """What the machine reaches at best, in operations a second."""
    x = torch.randn(1, 128, 258, 258).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(9):
        began = time.perf_counter()
        nn.functional.conv2d(x, weight)
        times.append(time.perf_counter() - began)
    return 2 * 256 * 256 * 128 * 128 * 9 / min(times)


def measure(method: str, folder: str, args: argparse.Namespace, peaks: dict[str, float]) -> list[dict]:
    rows = []
    with tempfile.TemporaryDirectory() as work, torch.inference_mode():
        networks = reference_network(method, folder)
        small = torch.rand(1, 3, 128, 128)
        first, *rest = networks
        per_pixel = multiplications(networks, lambda: rest[0](first(small)) if rest else first(small)) / 128**2
        processes = {
            side: subprocess.Popen(
                [sys.executable, __file__, "--worker", method, side, folder, work],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            for side in SIDES
        }
        for size in args.sizes:
            times: dict[str, list[float]] = {side: [] for side in SIDES}
            memory = dict.fromkeys(SIDES, 0)
            for turn in range(args.rounds + 1):
                for side, process in processes.items():
                    assert process.stdin and process.stdout
                    process.stdin.write(f"{size}\n")
                    ms, kib = process.stdout.readline().split()
                    memory[side] = max(memory[side], int(kib))
                    if turn:
                        times[side].append(float(ms))
            paintings = {side: torch.load(f"{work}/{method}-{side}-{size}.pt").double() for side in SIDES}
            for side in SIDES:
                ms = statistics.median(times[side])
                error = float((paintings[side] - paintings["reference"]).abs().max())
                row = {
                    "method": method,
                    "size": size,
                    "side": side,
                    "ms": round(ms, 1),
                    "speed_up": round(statistics.median(times["reference"]) / ms, 2),
                    "share_of_peak": round(2 * per_pixel * size**2 / (ms / 1e3) / peaks[side], 3),
                    "peak_mib": round(memory[side] / 1024),
                    "largest_difference_255": round(error * 255, 4),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
        for process in processes.values():
            process.communicate()
    return rows


def plot(rows: list[dict], path: Path) -> None:
    """Speed-ups as bars, drawn with Pillow as the loss curve is."""
    from PIL import Image, ImageDraw, ImageFont

    font, ours = ImageFont.load_default(16), [row for row in rows if row["side"] != "reference"]
    longest = max(row["speed_up"] for row in ours)
    image = Image.new("RGB", (860, 30 * len(ours) + 50), "white")
    draw = ImageDraw.Draw(image)
    draw.text((10, 10), "Speed-up over the reference implementation", "black", font)
    for index, row in enumerate(ours):
        top = 45 + 30 * index
        draw.text((10, top), f"{row['method']} {row['size']}² {row['side']}", "black", font)
        width = round(540 * row["speed_up"] / longest)
        draw.rectangle((230, top, 230 + width, top + 20), "#3b6ea5" if row["side"] == "exact" else "#d08a2e")
        draw.text((236 + width, top), f"{row['speed_up']:.1f}×", "black", font)
    image.save(path)


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        return worker(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", help="folder with pytorch/examples' transformer_net.py")
    parser.add_argument("--msg-net", help="folder with zhanghang1989's net.py")
    parser.add_argument("--adain", help="folder with naoto0804's net.py and function.py")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON; the plot lies beside it as .png")
    args = parser.parse_args()
    peaks = {side: peak_flops(dtype) for side, dtype in PRECISION.items()}
    peaks["reference"] = peaks["exact"]
    folders = {"transformer": args.examples, "msg-net": args.msg_net, "adain": args.adain}
    rows = [row for method, folder in folders.items() if folder for row in measure(method, folder, args, peaks)]
    result = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "peak_gflops": {side: round(value / 1e9) for side, value in peaks.items()},
        "rounds": args.rounds,
        "rows": rows,
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot(rows, args.out.with_suffix(".png"))
    return None


if __name__ == "__main__":
    main()
