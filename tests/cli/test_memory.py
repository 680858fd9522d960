"""Freed memory that stays: page faults counted by the kernel, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, runpy, sys
keep = runpy.run_path(sys.argv[1])["keep_freed_memory"]
done = keep() if sys.argv[2] == "keep" else False
size, faults = 64 << 20, []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * size
    del block
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(done, min(faults[1:]))
"""
FILE = Path(__file__).resolve().parents[2] / "cli" / "_memory.py"


def run(mode: str, **environment: str) -> tuple[bool, int]:
    import os

    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "LD_PRELOAD"))}
    command = [sys.executable, "-c", PROGRAM, str(FILE), mode]
    out = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout.split()
    return out[0] == "True", int(out[1])


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_a_block_of_the_same_size_faults_no_page_in_again() -> None:
    done, kept = run("keep")
    if not done:
        pytest.skip("no glibc")
    assert kept < 100
    assert run("leave")[1] > 1000, "or there was nothing to mend"
    assert run("keep", MALLOC_TRIM_THRESHOLD_="131072")[0] is False, "the user's own setting stays"
