"""`brushwork video`: files and options; a killed run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.cli.main import main

av = pytest.importorskip("av")


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.mp4"
    base = np.random.default_rng(3).integers(0, 256, (8, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(70):
            picture = np.ascontiguousarray(base[:, index * 2 : index * 2 + 96])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def frames(path: Path) -> torch.Tensor:
    with av.open(str(path)) as media:
        return torch.stack([torch.from_numpy(f.to_ndarray(format="rgb24")) for f in media.decode(video=0)])


def sound(path: Path) -> list[tuple]:
    """Time and bytes of every packet of the first audio stream."""
    with av.open(str(path)) as media:
        packets = media.demux(media.streams.audio[0])
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets if packet.pts is not None]


def with_sound(silent: Path, path: Path) -> Path:
    """The film with two channels of noise as AAC."""
    noise = np.random.default_rng(4).normal(0, 0.1, (2, 7 * 1024 * 8)).astype(np.float32)
    with av.open(str(silent)) as source, av.open(str(path), "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0])
        voice = out.add_stream("aac", rate=8000, layout="stereo")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture
                out.mux(packet)
        for start in range(0, noise.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(noise[:, start : start + 1024]), "fltp", "stereo")
            block.sample_rate, block.pts = 8000, start
            out.mux(voice.encode(block))
        out.mux(voice.encode(None))
    return path


def video(*arguments) -> int:
    return main(["video", *map(str, arguments), "--device", "cpu"])


def test_morph_size_and_length(clip, model, tmp_path):
    out = tmp_path / "out.mp4"
    assert video(clip, "-o", out, "--model", model, "--morph", "zebra", "ocelot", "--size", 48, "--frames", 5) == 0
    painted = frames(out)
    assert painted.shape == (5, 32, 48, 3)
    assert (painted[0].float() - painted[4].float()).abs().mean() > 5


def test_keyframes(clip, model, tmp_path):
    curve = tmp_path / "curve.json"
    curve.write_text(json.dumps([{"frame": 0, "style": "zebra", "strength": 0}, {"frame": 3, "style": "ocelot"}]))
    out = tmp_path / "out.mp4"
    assert video(clip, "-o", out, "--model", model, "--keyframes", curve, "--frames", 4, "--crf", 5) == 0
    painted, source = frames(out).float(), frames(clip).float()
    assert (painted[0] - source[0]).abs().mean() < 6
    assert (painted[3] - source[3]).abs().mean() > 20


def test_wrong_use_is_explained(clip, model, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert video(clip, "-o", out, "--model", model, "--style", "zebra", "--morph", "zebra", "ocelot") == 2
    assert "exclude each other" in capsys.readouterr().err
    assert video(clip, "-o", tmp_path / "out.gif", "--model", model) == 2
    assert video(tmp_path / "none.mp4", "-o", out, "--model", model) == 2
    assert video(clip, "-o", out, "--model", model, "--blend", "2") == 2
    assert not out.exists()


def test_without_pyav_the_message_says_what_to_install(clip, model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert video(clip, "-o", tmp_path / "out.mp4", "--model", model) == 2
    assert "pip install av" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_a_killed_run_goes_on_with_the_same_film(clip, model, tmp_path):
    clip = with_sound(clip, tmp_path / "sound.mp4")
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    options = ["--model", str(model), "--device", "cpu"]
    assert main(["video", str(clip), "-o", str(whole), *options]) == 0
    root = Path(__file__).resolve().parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(root / 'tests')!r}); import conftest, torch\n"
        f"torch.set_num_threads({torch.get_num_threads()})\n"
        f"from brushwork.cli.main import main; main(['video', {str(clip)!r}, '-o', {str(out)!r}, *{options!r}])"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", code], env=os.environ, stdout=subprocess.DEVNULL)
    state = tmp_path / "out.mp4.parts" / "state.safetensors"
    while not state.exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    if out.exists():
        pytest.skip("the run was over before it could be killed")
    assert state.exists()
    assert main(["video", str(clip), "-o", str(out), *options]) == 0
    assert torch.equal(frames(whole), frames(out))
    assert sound(out) == sound(whole) == sound(clip)
    assert len(sound(out)) > 50
    assert not state.exists()
