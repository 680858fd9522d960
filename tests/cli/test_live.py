"""`brushwork live` on a file in place of a camera."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from brushwork.cli._mjpeg import MjpegServer
from brushwork.cli.live import camera
from brushwork.cli.main import main
from brushwork.core.videos import Encoding, VideoFrame
from brushwork.core.videos.live import newest_frames
from brushwork.core.videos.record import Recorder

av = pytest.importorskip("av")


def test_a_file_is_painted_and_its_address_printed(model, tmp_path, capsys):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    assert main(["live", str(path), "--model", str(model), "--port", "0", "--device", "cpu"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out
    film = tmp_path / "kept.mkv"
    command = ["live", str(path), "-o", str(film), "--model", str(model), "--port", "0", "--device", "cpu"]
    assert main([*command, "--strength", "0"]) == 0
    with av.open(str(film)) as media:
        times = [(frame.time, frame.width, frame.height) for frame in media.decode(video=0)]
    assert times == [(pytest.approx(0.1 * index), 64, 48) for index in range(3)]
    capsys.readouterr()
    assert main(["live", str(tmp_path / "none.mp4"), "--model", str(model), "--port", "0"]) == 2
    message = capsys.readouterr().err
    assert "There is no video" in message
    assert "camera must be plugged in" in message


def test_what_was_recorded_until_an_interrupt_is_kept(tmp_path):
    film = tmp_path / "kept.mp4"
    with contextlib.suppress(KeyboardInterrupt), Recorder(film, Encoding(".mp4"), Fraction(10)) as recorder:
        recorder.add(torch.rand(1, 3, 48, 64), 0.0)
        recorder.add(torch.rand(1, 3, 48, 64), 0.5)
        raise KeyboardInterrupt
    with av.open(str(film)) as media:
        assert [frame.time for frame in media.decode(video=0)] == [0.0, 0.5]
    with contextlib.suppress(KeyboardInterrupt), Recorder(tmp_path / "none.mp4", Encoding(".mp4"), Fraction(10)):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["kept.mp4"]


def test_viewers_get_the_newest_picture():
    with MjpegServer(0) as server:
        server.show(torch.full((1, 3, 8, 8), 1.0))
        port = int(server.address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as viewer:
            viewer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while b"\xff\xd9" not in data:
                data += viewer.recv(4096)
    assert b"multipart/x-mixed-replace" in data
    assert b"\xff\xd8" in data


def test_frames_that_came_meanwhile_are_skipped():
    gate = threading.Event()

    def source():
        for number in range(20):
            if number == 10:
                gate.wait(10)
            yield VideoFrame(torch.zeros(1, 3, 1, 1), number)

    frames = newest_frames(source())  # any iterable of frames will do
    next(frames)
    time.sleep(0.2)
    gate.set()
    seen = []
    for frame in frames:
        seen.append(frame.pts)
        time.sleep(0.1)
    assert seen[-1] == 19
    assert len(seen) < 12


@pytest.mark.parametrize(
    ("source", "platform", "wanted"),
    [
        ("0", "linux", ("/dev/video0", "v4l2")),
        ("/dev/video2", "linux", ("/dev/video2", "v4l2")),
        ("0", "darwin", ("0", "avfoundation")),
        ("video=Camera", "win32", ("video=Camera", "dshow")),
        ("rtsp://host/stream", "linux", ("rtsp://host/stream", None)),
        ("film.mp4", "linux", ("film.mp4", None)),
    ],
)
def test_cameras_by_system(source, platform, wanted):
    assert camera(source, None, platform) == wanted
