"""The engine against the reference implementations: method × size × precision, as JSON, a table and a plot.

    python benchmarks/engine_table.py --examples DIR --msg-net DIR --adain DIR [--sizes 512 1024] -o OUT.json

The folders hold the references' own code: pytorch/examples' `transformer_net.py`, zhanghang1989's `net.py` of MSG-Net,
naoto0804's `net.py` and `function.py` of AdaIN. A method whose folder is left out is left out. Every side is a process
of its own, with the same random weights, as its users would run it; they take turns, with a pause between them in which
the threads of the side before come to rest, and medians are compared. The style is encoded before the clock starts. The
first picture of every size is not counted. `--onnx` adds pytorch/examples' network in ONNX Runtime, on as many threads.

The roofline is the larger of two times: the fewest multiplications that direct convolutions need for the network's
result (a 3×3 behind a nearest ×2 four ninths of what it has on paper, a 1×1 a quarter; Winograd's algorithm, which the
engine may use, needs fewer) at the most that convolutions and matrix products of several sizes reach on this machine in
that precision, and the layers' outputs, written once and read once, at what a copy reaches. The PSNR is against the
plain path in float64, of a photo; the last layer's random weights are scaled so that the picture has colours.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

SIDES = ("reference", "exact", "fast")
PAUSE_S = 0.2
"""Thread pools spin on after their work, in ONNX Runtime for a tenth of a second."""


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
        return with_colours((module_of(folder, "transformer_net").TransformerNet().eval(),), 255)
    net = module_of(folder, "net")
    if method == "msg-net":
        network = net.Net(ngf=128).eval()
        with torch.inference_mode():  # without a target its features are multiplied by whatever lay in memory
            network.setTarget(torch.rand(1, 3, 128, 128) * 255)
        return with_colours((network,), 255)
    return with_colours((nn.Sequential(*list(net.vgg.children())[:31]).eval(), net.decoder.eval()), 1)


def with_colours(networks: tuple[nn.Module, ...], white: float) -> tuple[nn.Module, ...]:
    """The last layer scaled so that its output is a picture: what is black everywhere has no error."""
    last = [m for m in networks[-1].modules() if isinstance(m, nn.Conv2d) and m.out_channels == 3][-1]
    with torch.inference_mode():
        out = torch.rand(1, 3, 128, 128) * white
        for network in networks:
            out = network(out)
    with torch.no_grad():
        scale = 0.2 * white / float(out.std())
        last.weight.mul_(scale)
        assert last.bias is not None
        last.bias.mul_(scale).add_(0.5 * white - scale * float(out.mean()))
    return networks


def counted(networks: tuple[nn.Module, ...], run) -> tuple[int, int]:
    """The fewest multiplications that the convolutions of one run can do with, and how many numbers they put out."""
    total = values = 0
    doubled, interpolate = False, nn.functional.interpolate

    def double(*args: Any, **options: Any) -> torch.Tensor:
        nonlocal doubled
        doubled = True
        return interpolate(*args, **options)

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total, values, doubled
        assert isinstance(module, nn.Conv2d)
        values += out.numel()
        # behind a nearest ×2 a k×k window sees (k + 1) / 2 different inputs in each direction
        taps = [(side + 1) / 2 / (1 if side > 1 else 2) if doubled else side for side in module.kernel_size]
        total += round(out.numel() * module.in_channels // module.groups * taps[0] * taps[1])
        doubled = False

    hooks = [m.register_forward_hook(count) for n in networks for m in n.modules() if isinstance(m, nn.Conv2d)]
    with mock.patch.object(nn.functional, "interpolate", double):
        run()
    for hook in hooks:
        hook.remove()
    return total, values


def runner(method: str, side: str, folder: str, work: Path):
    """photo (1, 3, H, W), 0..1 → painting, 0..1."""
    networks = reference_network(method, folder)
    style = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    files = [work / f"{method}-{side}-{i}.pth" for i in range(len(networks))]
    for network, path in zip(networks, files, strict=True):
        torch.save(network.state_dict(), path)
    if side == "onnx":
        return onnx_runtime(networks[0], work / "transformer.onnx")
    if side != "reference":
        from brushwork.core.checkpoints import load_checkpoint
        from brushwork.core.inference import Stylizer
        from brushwork.core.inference.device import model_on

        if method == "adain":  # decoder first, encoder as its companion, in the published file's 53 layers
            files = files[::-1]
        model, picture = load_checkpoint(*files), None if method == "transformer" else style
        if side == "float64":
            exact = model_on(model, torch.device("cpu"), torch.float64)
            return lambda photo: exact(photo.double(), None if picture is None else picture.double())
        stylizer = Stylizer(model, "cpu", side)
        return lambda photo: stylizer(photo, picture)
    if method == "transformer":
        return lambda photo: (networks[0](photo * 255) / 255).clamp(0, 1)
    if method == "msg-net":
        target: Any = networks[0]
        target.setTarget(style.flip(1) * 255)
        return lambda photo: (networks[0](photo.flip(1) * 255).flip(1) / 255).clamp(0, 1)
    exchange = module_of(folder, "function").adaptive_instance_normalization
    features = networks[0](style)
    return lambda photo: networks[1](exchange(networks[0](photo), features)).clamp(0, 1)


def onnx_runtime(network: nn.Module, path: Path):
    """The same network in ONNX Runtime."""
    import onnxruntime

    sides = {"x": {2: "height", 3: "width"}}
    torch.onnx.export(
        network, (torch.rand(1, 3, 64, 64),), str(path), dynamo=False, input_names=["x"], dynamic_axes=sides
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda photo: (torch.from_numpy(session.run(None, {"x": (photo * 255).numpy()})[0]) / 255).clamp(0, 1)


def worker(method: str, side: str, folder: str, work: str) -> None:
    """Sizes from stdin; `milliseconds peak_kib` a line on stdout."""
    with torch.inference_mode():
        run = runner(method, side, folder, Path(work))
        for line in sys.stdin:
            photo = photo_of(int(line))
            idle = memory_kib("VmRSS")
            began = time.perf_counter()
            painting = run(photo)
            ms = (time.perf_counter() - began) * 1e3
            torch.save(painting, f"{work}/{method}-{side}-{int(line)}.pt")
            print(ms, max(0, memory_kib("VmHWM") - idle), flush=True)


def photo_of(size: int) -> torch.Tensor:
    """A sample photo as (1, 3, size, size), 0..1."""
    from PIL import Image

    with Image.open(Path(__file__).parent.parent / "assets" / "samples" / "chelsea.jpg") as file:
        pixels = bytearray(file.convert("RGB").resize((size, size), Image.Resampling.LANCZOS).tobytes())
    return (
        torch.frombuffer(pixels, dtype=torch.uint8).view(1, size, size, 3).permute(0, 3, 1, 2).float().contiguous()
        / 255
    )


def memory_kib(field: str) -> int:
    path = Path("/proc/self/status")
    text = path.read_text() if path.exists() else ""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(field)), 0)


def dtype_of(side: str) -> torch.dtype:
    """What a side computes in; the reference's process never gets here, and loads nothing of ours."""
    from brushwork.core.inference.device import resolve_dtype

    return resolve_dtype(side, torch.device("cpu")) if side in SIDES[1:] else torch.float32


@functools.cache
def peak_flops(dtype: torch.dtype) -> float:
    """What the machine reaches at best, in operations a second: of 3×3 convolutions and of matrix products."""
    best = 0.0
    for channels, side in ((128, 64), (128, 256), (256, 64)):
        x = torch.randn(1, channels, side + 2, side + 2).to(dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
        seconds = shortest(lambda x=x, weight=weight: nn.functional.conv2d(x, weight))
        best = max(best, 2 * side**2 * channels**2 * 9 / seconds)
    for side in (512, 1024, 2048):
        x = torch.randn(side, side).to(dtype)
        best = max(best, 2 * side**3 / shortest(lambda x=x: x @ x))
    return best


def shortest(run: Callable[[], object]) -> float:
    """Seconds of the best run within two seconds: a moment in which nothing else wants the processor."""
    end, times = time.perf_counter() + 2, []
    while time.perf_counter() < end:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def peak_bandwidth() -> float:
    """Bytes a second that a copy between pieces of memory larger than any cache reads and writes."""
    source = torch.ones(64 << 20)
    target = torch.empty_like(source)
    return 2 * source.nbytes / shortest(lambda: target.copy_(source))


class Sides:
    """Processes that paint when they are told to.

    Args:
        method: What.
        folders: By side, what its worker is given: the reference's code, or the ONNX file.
        work: Where the paintings are left.
    """

    def __init__(self, method: str, folders: dict[str, str], work: str) -> None:
        self.method, self.work = method, work
        self.processes = {
            side: subprocess.Popen(
                [sys.executable, __file__, "--worker", method, side, folder, work],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            for side, folder in folders.items()
        }

    def paint(self, side: str, size: int) -> tuple[float, int]:
        """Milliseconds, and KiB over idle so far."""
        process = self.processes[side]
        assert process.stdin and process.stdout
        time.sleep(PAUSE_S)
        process.stdin.write(f"{size}\n")
        ms, kib = process.stdout.readline().split()
        return float(ms), int(kib)

    def painting(self, side: str, size: int) -> torch.Tensor:
        """The last one, float64."""
        return torch.load(f"{self.work}/{self.method}-{side}-{size}.pt").double()

    def close(self) -> None:
        for process in self.processes.values():
            process.communicate()


def measure(
    method: str, folder: str, args: argparse.Namespace, peaks: dict[str, float], bandwidth: float
) -> list[dict]:
    rows = []
    folders = dict.fromkeys(SIDES, folder) | ({"onnx": folder} if args.onnx and method == "transformer" else {})
    with tempfile.TemporaryDirectory() as work, torch.inference_mode():
        networks = reference_network(method, folder)
        small = torch.rand(1, 3, 128, 128)
        first, *rest = networks
        total, values = counted(networks, lambda: rest[0](first(small)) if rest else first(small))
        sides, truth = Sides(method, folders, work), Sides(method, {"float64": folder}, work)
        for size in args.sizes:
            times: dict[str, list[float]] = {side: [] for side in folders}
            memory = dict.fromkeys(folders, 0)
            for turn in range(args.rounds + 1):
                for side in folders:
                    ms, kib = sides.paint(side, size)
                    memory[side] = max(memory[side], kib)
                    times[side] += [ms] if turn else []
            truth.paint("float64", size)
            right, share = truth.painting("float64", size), size**2 / 128**2
            for side in folders:
                seconds = statistics.median(times[side]) / 1e3
                bits = torch.finfo(dtype_of(side)).bits
                work_s, moved_s = 2 * total * share / peaks[side], 2 * values * share * bits / 8 / bandwidth
                error = (sides.painting(side, size) - right).square().mean().clamp_min(1e-30)
                row = {
                    "method": method,
                    "size": size,
                    "side": side,
                    "ms": round(seconds * 1e3, 1),
                    "speed_up": round(statistics.median(times["reference"]) / 1e3 / seconds, 2),
                    "share_of_roofline": round(max(work_s, moved_s) / seconds, 3),
                    "roofline": "arithmetic" if work_s > moved_s else "memory",
                    "peak_mib": round(memory[side] / 1024),
                    "psnr_to_float64": round(float(-10 * error.log10()), 1),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
        sides.close()
        truth.close()
    return rows


def plot(rows: list[dict], path: Path) -> None:
    """Speed-ups as bars, drawn with Pillow as the loss curve is; its own font has no ² and no ×."""
    from PIL import Image, ImageDraw, ImageFont

    font, ours = ImageFont.load_default(16), [row for row in rows if row["side"] != "reference"]
    longest = max(row["speed_up"] for row in ours)
    image = Image.new("RGB", (860, 30 * len(ours) + 50), "white")
    draw = ImageDraw.Draw(image)
    draw.text((10, 10), "Speed-up over the reference implementation", "black", font)
    for index, row in enumerate(ours):
        top = 45 + 30 * index
        draw.text((10, top), f"{row['method']} {row['size']} px {row['side']}", "black", font)
        width = round(540 * row["speed_up"] / longest)
        draw.rectangle((230, top, 230 + width, top + 20), "#3b6ea5" if row["side"] == "exact" else "#d08a2e")
        draw.text((236 + width, top), f"x {row['speed_up']:.1f}", "black", font)
    image.save(path)


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        return worker(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", help="folder with pytorch/examples' transformer_net.py")
    parser.add_argument("--msg-net", help="folder with zhanghang1989's net.py")
    parser.add_argument("--adain", help="folder with naoto0804's net.py and function.py")
    parser.add_argument("--onnx", action="store_true", help="ONNX Runtime too, on pytorch/examples' network")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON; the plot lies beside it as .png")
    args = parser.parse_args()
    peaks = {side: peak_flops(dtype_of(side)) for side in (*SIDES, "onnx")}
    bandwidth = peak_bandwidth()
    folders = {"transformer": args.examples, "msg-net": args.msg_net, "adain": args.adain}
    rows = [
        row for method, folder in folders.items() if folder for row in measure(method, folder, args, peaks, bandwidth)
    ]
    result = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "peak_gflops": {side: round(value / 1e9) for side, value in peaks.items()},
        "gb_per_s": round(bandwidth / 1e9, 1),
        "rounds": args.rounds,
        "rows": rows,
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot(rows, args.out.with_suffix(".png"))
    return None


if __name__ == "__main__":
    main()
