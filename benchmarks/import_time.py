"""What importing the pack adds to a process that already has torch, in seconds: median of several fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CODE = f"""
import importlib.util, sys, time
import torch
began = time.perf_counter()
spec = importlib.util.spec_from_file_location("brushwork_pack", {str(ROOT / "__init__.py")!r},
                                              submodule_search_locations=[{str(ROOT)!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["brushwork_pack"] = module
spec.loader.exec_module(module)
for name in ("core.inference", "core.checkpoints", "core.hub", "core.color"):
    importlib.import_module("brushwork_pack." + name)
print(time.perf_counter() - began)
"""


def main() -> None:
    times = [
        float(subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout)
        for _ in range(7)
    ]
    print(f"core beyond torch: median {statistics.median(times):.3f} s, {min(times):.3f}–{max(times):.3f}")


if __name__ == "__main__":
    main()
