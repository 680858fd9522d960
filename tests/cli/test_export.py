"""`brushwork export` from the command line."""

from __future__ import annotations

import json

import pytest
from brushwork.cli.main import main

pytest.importorskip("onnxruntime")


def test_onnx_with_style_weights(model, tmp_path, capsys):
    out = tmp_path / "out" / "animals.onnx"
    assert main(["export", str(model), "-o", str(out), "--check-size", "40x24", "2*33x17", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["styles"] == ["zebra", "ocelot", "identity"]
    assert [(c["batch"], c["height"], c["width"]) for c in report["checks"]][-2:] == [(1, 24, 40), (2, 17, 33)]
    assert len(report["checks"]) == 5
    assert report["passed"]
    assert out.stat().st_size == report["bytes"]


def test_one_style_baked_in(model, tmp_path, capsys):
    assert main(["export", str(model), "-o", str(tmp_path / "a.onnx"), "--style", "ocelot"]) == 0
    text = capsys.readouterr().out
    assert "ocelot, baked in" in text
    assert "passed" in text
    assert main(["inspect", str(tmp_path / "a.onnx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["styles"] == ["ocelot"]


@pytest.mark.parametrize(
    "arguments", [["-o", "a.tflite"], ["-o", "a.onnx", "--check-size", "12"], ["-o", "a.onnx", "--style", "yak"]]
)
def test_wrong_use(model, tmp_path, arguments, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(model), *arguments]) == 2
    assert "expected" in capsys.readouterr().err
    assert not list(tmp_path.glob("a.*"))
