"""Two processes on this machine learn what one process learns with the same global batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.encoder import save_encoder
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
BIND = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import conftest; "
RUN = BIND + "from brushwork.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    for folder, count in (("photos", 6), ("styles", 2)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            small = rng.integers(0, 255, (9 + i, 8, 3), dtype=np.uint8)
            Image.fromarray(small).resize((80, 80)).save(tmp_path / folder / f"{i}.png")
    encoder = VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7, 7), (8,)), "reflect"))
    save_encoder(encoder, tmp_path / "encoder.safetensors", title="", license_id="MIT", provenance={})
    styles = [str(path) for path in sorted((tmp_path / "styles").iterdir())]
    return [
        "train", "cin", "--style", *styles, "--photos", str(tmp_path / "photos"), "--steps", "8", "--size", "64",
        "--batch", "4", "--widths", "4", "6", "8", "--blocks", "1", "--float32", "--style-size", "64",
        "--encoder", str(tmp_path / "encoder.safetensors"),
    ]  # fmt: skip


def launch(options: list[str], out: Path, processes: int) -> list[dict]:
    launcher = [sys.executable, "-P"]
    if processes > 1:
        script = out.with_suffix(".py")
        script.write_text(RUN, encoding="utf-8")
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", str(script)]
    else:
        launcher += ["-c", RUN]
    done = subprocess.run(
        [*launcher, *options, "-o", str(out)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in out.with_suffix(".log.jsonl").read_text().splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo's rendezvous is tested on Unix")
def test_two_processes_take_the_steps_of_one(options: list[str], tmp_path: Path) -> None:
    alone, pair = tmp_path / "alone.safetensors", tmp_path / "pair.safetensors"
    launch(options, alone, 1)
    records = launch(options, pair, 2)
    assert len(records) == 8, "only the first process writes the log"
    one, two = load_checkpoint(alone).network.state_dict(), load_checkpoint(pair).network.state_dict()
    # sums in another order: rounding of float32, then of the file's float16
    for name, tensor in one.items():
        torch.testing.assert_close(
            two[name], tensor, rtol=1e-2, atol=2e-3, msg=lambda text, name=name: f"{name}: {text}"
        )
