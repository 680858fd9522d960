"""`brushwork models` in process, and once in a process of its own as users run it."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from brushwork.cli import models as cli
from brushwork.core.errors import DownloadError, WeightsNotFoundError

DATA = b"an onnx file" * 50_000


@pytest.fixture
def brushwork(hub_env):
    """brushwork("models", …) → exit code."""
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())

    def run(*arguments: str) -> int:
        args = parser.parse_args(["models", *arguments])
        return args.run(args)

    return run


@pytest.fixture
def candy(hub, make_repo):
    hub.repos["onnxmodelzoo/candy-9"] = make_repo({"candy-9.onnx": DATA})
    return hub


def test_list(brushwork, capsys, tmp_path):
    (tmp_path / "wave.pth").write_bytes(b"")
    assert brushwork("list", "--models-dir", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "wave.pth" in out
    assert "onnx-candy-9" in out
    assert "Apache-2.0" in out
    assert brushwork("list", "--styles") == 0
    assert "Rain_Princess_512\n" in capsys.readouterr().out
    assert brushwork("list", "--json", "--models-dir", str(tmp_path)) == 0
    rows = json.loads(capsys.readouterr().out)
    (wave,) = [row for row in rows if row["name"] == "wave.pth"]
    assert wave == {"id": None, "name": "wave.pth", "place": "local", "path": str(tmp_path / "wave.pth")}
    (vgg,) = [row for row in rows if row["id"] == "vgg16"]
    assert (vgg["kind"], vgg["place"], vgg["path"]) == ("encoder", "hub", None)


def test_get_and_verify(brushwork, candy, capsys, tmp_path):
    assert brushwork("get", "onnx-candy-9", "--models-dir", str(tmp_path)) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "candy-9.onnx")
    assert brushwork("verify", "--models-dir", str(tmp_path)) == 0
    assert f"ok        {tmp_path / 'candy-9.onnx'}" in capsys.readouterr().out
    stat = (tmp_path / "candy-9.onnx").stat()
    (tmp_path / "candy-9.onnx").write_bytes(DATA[:-1] + b"?")
    os.utime(tmp_path / "candy-9.onnx", ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size and time
    assert brushwork("verify", "--models-dir", str(tmp_path)) == 2
    said = capsys.readouterr()
    assert f"wrong     {tmp_path / 'candy-9.onnx'}" in said.out
    assert "expected: sha256" in said.err


def test_verify_tells_what_it_cannot_know(brushwork, capsys, tmp_path):
    (tmp_path / "candy-9.onnx").write_bytes(b"copied by hand")
    assert brushwork("verify", "--models-dir", str(tmp_path)) == 0
    assert "unpinned" in capsys.readouterr().out


def test_environment_names_the_folder(brushwork, candy, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("BRUSHWORK_MODELS", str(tmp_path / "env"))
    assert brushwork("get", "Candy (ONNX model zoo, opset 9)") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "env" / "candy-9.onnx")
    assert brushwork("get", "onnx-candy-9", "--models-dir", str(tmp_path / "flag")) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "flag" / "candy-9.onnx")


def test_get_of_nothing(brushwork, hub, tmp_path):
    with pytest.raises(WeightsNotFoundError, match="models list"):
        brushwork("get", "onnx-candy")
    with pytest.raises(DownloadError, match="no repository"):
        brushwork("get", "onnx-udnie-8", "--models-dir", str(tmp_path))
    assert not list(tmp_path.glob("*.part"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_draws_on_a_terminal_and_leaves_the_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with cli.progress_bar("candy") as bar:
        for total in (2_000_000, 5_000_000):  # two files, one behind the other
            bar(total // 2, total)
            bar(total, total)
        bar(1, 10)
    assert "candy" in screen.getvalue()
    assert "/2.00M" in screen.getvalue()
    assert "/5.00M" in screen.getvalue()
    assert screen.getvalue().endswith("\r")


RUN = """
import sys
from brushwork.cli.main import main
sys.exit(main(["models", *sys.argv[1:]]))
"""


def test_in_a_process_of_its_own(candy, hub_env, python_command):
    """HF_ENDPOINT and HF_HOME as users set them, read by huggingface_hub at import."""
    command = python_command(RUN, "get", "onnx-candy-9")
    refused = subprocess.run(python_command(RUN, "get", "onnx-candy-8"), capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert [line.split(":")[0].strip() for line in refused.stderr.splitlines()[1:]] == ["expected", "got", "do"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.read_bytes() == DATA
    assert path.is_relative_to(hub_env / "hub")
    assert done.stderr == ""  # no bar where stderr is no terminal
