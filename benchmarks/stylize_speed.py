"""Stylizing by our plain path against pytorch/examples' TransformerNet with the same weights, as JSON.

    python benchmarks/stylize_speed.py --reference DIR [--sizes 256 512 1024] [--rounds 7] [-o result.json]

DIR holds the reference's transformer_net.py. Both sides run in worker processes of their own and take turns, so that a
machine that slows down slows both. Peak memory is the worker's largest resident size minus what it had before.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch


def worker(side: str, reference: str, weights: str, precision: str) -> None:
    """Read sizes from stdin, answer `milliseconds peak_kib` per line on stdout."""
    torch.manual_seed(0)
    state = torch.load(weights, weights_only=True)
    if side == "reference":
        sys.path.insert(0, reference)
        from transformer_net import TransformerNet  # type: ignore[import-not-found]

        net = TransformerNet().eval()
        net.load_state_dict(state)

        def run(photo: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return (net(photo * 255) / 255).clamp(0, 1)
    else:
        from brushwork.core.checkpoints import load_checkpoint
        from brushwork.core.inference import Stylizer

        run = Stylizer(load_checkpoint(weights), device="cpu", precision=precision)
    for line in sys.stdin:
        size = int(line)
        photo = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(size))
        idle = resident_kib()
        began = time.perf_counter()
        out = run(photo)
        ms = (time.perf_counter() - began) * 1e3
        torch.save(out, f"{weights}.{side}.{size}.pt")
        print(ms, max(0, peak_kib() - idle), flush=True)


def resident_kib() -> int:
    """Resident size now; 0 where the system does not tell."""
    return _status("VmRSS")


def peak_kib() -> int:
    """Largest resident size so far."""
    return _status("VmHWM")


def _status(field: str) -> int:
    path = Path("/proc/self/status")
    if not path.exists():
        return 0
    return next((int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(field)), 0)


def random_weights(reference: str, target: Path) -> None:
    """The reference's own initialisation, so that both sides share real-looking weights."""
    sys.path.insert(0, reference)
    from transformer_net import TransformerNet  # type: ignore[import-not-found]

    torch.manual_seed(0)
    torch.save(TransformerNet().state_dict(), target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="folder with the reference's transformer_net.py")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precision", default="exact", choices=("exact", "fast"))
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--worker", choices=("reference", "brushwork"), help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args.worker, args.reference, args.weights, args.precision)

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pth"
        random_weights(args.reference, weights)
        command = [sys.executable, __file__, "--reference", args.reference, "--weights", str(weights)]
        command += ["--precision", args.precision, "--worker"]
        sides = {
            side: subprocess.Popen([*command, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for side in ("reference", "brushwork")
        }
        rows = []
        for size in args.sizes:
            times: dict[str, list[float]] = {side: [] for side in sides}
            peaks = dict.fromkeys(sides, 0.0)
            for _ in range(args.rounds + 1):
                for side, process in sides.items():
                    assert process.stdin and process.stdout
                    process.stdin.write(f"{size}\n")
                    process.stdin.flush()
                    ms, peak = (float(v) for v in process.stdout.readline().split())
                    times[side].append(ms)
                    peaks[side] = max(peaks[side], peak)
            ratios = [a / b for a, b in zip(times["reference"][1:], times["brushwork"][1:], strict=True)]
            pictures = [torch.load(f"{weights}.{side}.{size}.pt") for side in sides]
            row = {
                "size_px": size,
                "reference_ms": round(statistics.median(times["reference"][1:]), 1),
                "brushwork_ms": round(statistics.median(times["brushwork"][1:]), 1),
                "speed_up": round(statistics.median(ratios), 3),
                "reference_peak_mib": round(peaks["reference"] / 1024),
                "brushwork_peak_mib": round(peaks["brushwork"] / 1024),
                "max_difference_255": round(float((pictures[0] - pictures[1]).abs().max()) * 255, 4),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
        for process in sides.values():
            process.communicate()
    result = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "precision": args.precision,
        "rounds": args.rounds,
        "rows": rows,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
