"""The full-width network on a graphics card: frames a second, ratio to pytorch/examples, ratio to the card's own limit.

    python benchmarks/gpu_table.py --examples DIR [--device cuda] [--sizes 1920x1080 3840x2160] -o OUT.json

DIR is pytorch/examples' `fast_neural_style/neural_style`, run as its users run it: eager, float32, one picture. All
sides have the same random weights on the same card; each time is the median of `--rounds`, the clock stops when the
card has finished. Decoding and encoding of pictures and the way to the card and back are not in it.

| side | what |
|---|---|
| reference | pytorch/examples |
| plain | the plain path in half precision: what the Stylizer runs |
| channels_last | the same with weights and picture in channels_last |
| engine | the engine's passes, which the Stylizer takes where the whole picture does not fit |
| graph | `plain` as one CUDA graph, with `--graphs`: no launches to wait for |

The limit is the larger of two times: the fewest multiplications that give the network's result at what a 3×3
convolution of 128 channels reaches on this card, and the fewest bytes that must move (every layer written once and read
once) at what a copy reaches.

`--device cpu` runs the same script without a card, to see that it works; it says nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from engine_table import counted, reference_network
from torch import Tensor, nn

BARS = {"speed_up_1080p": 4.0, "fps_1080p": 200.0, "fps_4k": 50.0, "times_the_limit": 3.0}
"""Of the project's plan, on a data-centre card."""
Side = Callable[[Tensor], Tensor]


def finished(device: torch.device) -> float:
    """The clock, when the card has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(run: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Median; the first two runs are not counted."""
    times = []
    for turn in range(rounds + 2):
        began = finished(device)
        run()
        times += [finished(device) - began] if turn > 1 else []
    return statistics.median(times)


def sides_of(network: nn.Module, device: torch.device, dtype: torch.dtype) -> dict[str, Side]:
    """Each takes (1, 3, H, W) in 0..1 on the device."""
    from brushwork.core.architectures import build_network
    from brushwork.core.inference.device import model_on
    from brushwork.core.inference.engine import Engine
    from brushwork.core.normalization import PRESETS
    from brushwork.core.spec import ModelSpec
    from brushwork.core.style_model import StyleModel

    ours = build_network("transformer_net", {})
    names = (name for name, _ in ours.named_parameters())
    values = dict(zip(names, (p.detach() for p in network.parameters()), strict=True))
    ours.load_state_dict(values)
    model = StyleModel(ours, ModelSpec("transformer_net", {}, normalization=PRESETS["raw255"]))
    plain, wide = model_on(model, device, dtype), model_on(model, device, torch.float32)
    last = StyleModel(model_on(model, device, dtype).network.to(memory_format=torch.channels_last), model.spec)
    reference, engine = network.to(device), Engine(wide, dtype)
    return {
        "reference": lambda x: (reference(x * 255) / 255).clamp(0, 1),
        "plain": lambda x: plain.paint(x, None),
        "channels_last": lambda x: last.paint(x.contiguous(memory_format=torch.channels_last), None),
        "engine": lambda x: engine.paint(x, None),
    }


def graph_of(side: Side, photo: Tensor) -> Side:
    """One captured run, played again; the photo's memory is the graph's."""
    still = photo.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            side(still)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        painted = side(still)

    def play(x: Tensor) -> Tensor:
        still.copy_(x)
        graph.replay()
        return painted

    return play


def peaks_of(device: torch.device, dtype: torch.dtype, side_px: int) -> tuple[float, float]:
    """Operations a second of a convolution, bytes a second of a copy."""
    x = torch.randn(1, 128, side_px, side_px, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    operations = 2 * 128 * 128 * 9 * (side_px - 2) ** 2 / seconds(lambda: nn.functional.conv2d(x, weight), device, 9)
    target = torch.empty_like(x)
    return operations, 2 * x.nbytes / seconds(lambda: target.copy_(x), device, 9)


def layer_values(network: nn.Module, photo: Tensor) -> int:
    """Numbers in the outputs of all convolutions in one run."""
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        total += out.numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network(photo)
    for hook in hooks:
        hook.remove()
    return total


def psnr(a: Tensor, b: Tensor) -> float:
    return round(float(-10 * (a.double() - b.double()).square().mean().clamp_min(1e-30).log10()), 1)


def measure(args: argparse.Namespace, device: torch.device) -> tuple[list[dict], dict]:
    """A row for each size and side, and what the card can do."""
    dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
    (network,) = reference_network("transformer", args.examples)
    small = torch.rand(1, 3, 128, 128)
    per_pixel = counted((network,), lambda: network(small))[0] / 128**2
    values = layer_values(network, small) / 128**2
    sides = sides_of(network, device, dtype)
    operations, bandwidth = peaks_of(device, dtype, args.peak_px)
    rows = []
    for width, height in args.sizes:
        photo = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(2)).to(device)
        runs = dict(sides)
        if args.graphs and device.type == "cuda":
            runs["graph"] = graph_of(sides["plain"], photo)
        pixels, size = width * height, torch.finfo(dtype).bits // 8
        limit = max(2 * per_pixel * pixels / operations, 2 * values * pixels * size / bandwidth)
        times = {name: seconds(partial(run, photo), device, args.rounds) for name, run in runs.items()}
        reference = sides["reference"](photo)
        for name, run in runs.items():
            peak = None
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
                run(photo)
                peak = torch.cuda.max_memory_allocated(device) >> 20
            row = {
                "size": f"{width}x{height}",
                "side": name,
                "ms": round(times[name] * 1e3, 3),
                "fps": round(1 / times[name], 1),
                "speed_up": round(times["reference"] / times[name], 2),
                "times_the_limit": round(times[name] / limit, 2),
                "peak_mib": peak,
                "psnr_to_reference": None if name == "reference" else psnr(run(photo), reference),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "no card"
    return rows, {"device": card, "tflops": round(operations / 1e12, 2), "gb_per_s": round(bandwidth / 1e9, 1)}


def size(text: str) -> tuple[int, int]:
    width, height = text.lower().split("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", required=True, help="folder with pytorch/examples' transformer_net.py")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=size, nargs="+", default=[(1920, 1080), (3840, 2160)], help="WIDTHxHEIGHT")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--graphs", action="store_true", help="also as a CUDA graph")
    parser.add_argument("--peak-px", type=int, default=1024, help="side of the convolution that measures the card")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    with torch.inference_mode():
        rows, card = measure(args, torch.device(args.device))
    result = {"torch": torch.__version__, **card, "bars": BARS, "rounds": args.rounds, "rows": rows}
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
