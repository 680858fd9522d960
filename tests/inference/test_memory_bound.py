"""The memory that a run is planned with against what the kernel counts, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.checkpoints import save_checkpoint
from brushwork.core.pictures import write_picture
from brushwork.core.spec import ModelSpec
from brushwork.core.style_model import StyleModel

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
PROGRAM = """
import re, runpy, sys, threading
runpy.run_path(sys.argv.pop(1))  # this checkout is `brushwork`
from pathlib import Path
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import BrushworkError
from brushwork.core.inference import Stylizer
from brushwork.core.inference.stream import Painting
from brushwork.core.inference.stream_file import stream_file

model, source, target, bound = sys.argv[1:]

def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

def run(bound):
    return stream_file(Stylizer(load_checkpoint(model), "cpu", max_memory=bound << 20), source, target, Painting())

try:
    run(1)
except BrushworkError as error:
    least = int(re.search(r"bound of (\\d+) MiB", str(error))[1])
most, done, idle = 0, threading.Event(), anonymous()

def watch():
    global most
    while not done.wait(0.002):
        most = max(most, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
run(least + int(bound))
done.set()
watcher.join()
print(least, round(most - idle))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    hyperparameters = {"encoder_widths": [8, 12, 16], "decoder_widths": [12, 8], "blocks": 2}
    network = build_network("transformer_net", hyperparameters)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(StyleModel(network, ModelSpec("transformer_net", hyperparameters)), path)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize(("size", "above"), [((128, 20000), 0), ((20000, 128), 0), ((1600, 1600), 40)])
def test_a_run_takes_no_more_than_its_bound(model, tmp_path, size, above):
    """In the least memory that is accepted, all in files, and in some more, with the photo and layers in memory."""
    photo = write_picture(torch.rand(1, 3, *size), tmp_path / "photo.png")
    command = [sys.executable, "-c", PROGRAM, CONFTEST, model, photo, tmp_path / "out.png", str(above)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    least, taken = (int(part) for part in out)
    assert taken <= (least + above) * 1.03
    assert taken > 0.3 * least  # or the plan asks for far too much
