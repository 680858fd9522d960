"""ONNX files of every architecture in onnxruntime, against the networks in float64."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES
from brushwork.core.checkpoints import inspect_checkpoint, load_checkpoint
from brushwork.core.errors import BrushworkError, ConfigError, MissingPackageError, StyleError
from brushwork.core.export import export_model
from brushwork.core.export.onnx.networks import ENCODE_STYLE, FORWARD
from brushwork.core.images import pad_to_side
from brushwork.core.inference.device import model_on

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SIZES = ((1, 48, 64), (2, 61, 45), (1, 30, 71), (1, 1, 3))
"""Batch, height, width."""
PICTURE_KINDS = ("adain", "modulated", "comatch", "msg_net", "microast")


def session(path):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, *inputs):
    opened = session(path)
    names = [entry.name for entry in opened.get_inputs()]
    outputs = opened.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    return [torch.from_numpy(value) for value in outputs]


def exact(model, photo, style):
    """The painting in float64."""
    double = model_on(model, torch.device("cpu"), torch.float64)
    if isinstance(style, torch.Tensor):
        style = style.double()
    return double(photo.double(), style)


def test_every_architecture_can_be_exported():
    assert FORWARD.keys() == ARCHITECTURES.keys()
    pictures = {name for name, entry in ARCHITECTURES.items() if entry.style_kind == "image"}
    assert ENCODE_STYLE.keys() == pictures


def test_paintings_of_all_sizes_agree(any_model, tmp_path):
    path = tmp_path / "a.onnx"
    report = export_model(any_model, path, sizes=((1, 40, 52),), version="1")
    onnx.checker.check_model(str(path), full_check=True)
    assert report.passed
    picture = torch.rand(1, 3, 37, 50)
    for batch, height, width in SIZES:
        photo = torch.rand(batch, 3, height, width)
        if any_model.style_kind == "image":
            want, (got,) = exact(any_model, photo, picture), run(path, photo, picture)
        elif any_model.style_kind == "conditional":
            want = exact(any_model, photo, {"waves": 0.25, "dots": 0.75})
            (got,) = run(path, photo, torch.tensor([[1.0, 3.0, 0.0]]))
        else:
            want, (got,) = exact(any_model, photo, None), run(path, photo)
        assert got.shape == photo.shape
        assert (got - want).abs().max() < 1e-4, (batch, height, width)
        if height > 1:
            assert want.std() > 0.02


def test_the_file_is_a_model_for_us_too(any_model, tmp_path):
    path = tmp_path / "a.onnx"
    assert export_model(any_model, path, sizes=((1, 32, 32),)).reads_back
    again = load_checkpoint(path)
    assert again.spec.normalization == any_model.spec.normalization
    assert again.spec.style_names == any_model.spec.style_names
    assert again.spec.license == "MIT"
    own, read = any_model.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(own[name], read[name]) for name in own)
    assert inspect_checkpoint(path).architecture == any_model.spec.architecture


@pytest.mark.parametrize("kind", ["adain", "modulated", "comatch", "msg_net", "microast"])
def test_features_of_a_style_picture_as_inputs(kind, make, tmp_path):
    model, path = make(kind), tmp_path / "a.onnx"
    report = export_model(model, path, style_input="features", sizes=((2, 40, 52),))
    assert report.passed
    assert report.style_encoder == "a.style-encoder.onnx"
    encoder = path.with_name(report.style_encoder)
    onnx.checker.check_model(str(encoder), full_check=True)
    photo, picture = torch.rand(1, 3, 40, 56), torch.rand(1, 3, 45, 33)
    features = run(encoder, picture)
    with torch.no_grad():
        wanted = model.network.encode_style(model.spec.normalization.encode(picture))
    assert [part.shape for part in features] == [part.shape for part in wanted]
    (painting,) = run(path, photo, *features)
    assert (painting - exact(model, photo, picture)).abs().max() < 1e-4


@pytest.mark.parametrize("kind", ["adain", "modulated", "comatch", "msg_net", "microast"])
def test_a_picture_as_baked_style(kind, make, tmp_path):
    model, path, picture = make(kind), tmp_path / "a.onnx", torch.rand(1, 3, 45, 33)
    report = export_model(model, path, style=picture, sizes=((1, 32, 32),))
    assert list(report.inputs) == ["photo"]
    photo = torch.rand(2, 3, 40, 56)
    (painting,) = run(path, photo)
    assert (painting - exact(model, photo, picture)).abs().max() < 1e-4


def test_a_mix_of_named_styles_is_baked_into_a_plain_network(make, tmp_path):
    model, path, mix = make("conditional"), tmp_path / "a.onnx", {"waves": 1.0, "identity": 3.0}
    report = export_model(model, path, style=mix, sizes=((1, 32, 32),))
    assert report.style == "waves 0.25 + identity 0.75, baked in"
    photo = torch.rand(1, 3, 40, 56)
    (painting,) = run(path, photo)
    assert (painting - exact(model, photo, mix)).abs().max() < 1e-4
    again = load_checkpoint(path)
    assert again.spec.architecture == "transformer_net"
    assert (again(photo) - painting).abs().max() < 1e-4


def test_tiny_style_pictures_are_grown_like_ours(make, tmp_path):
    model, path = make("adain"), tmp_path / "a.onnx"
    export_model(model, path, sizes=((1, 32, 32),))
    photo, picture = torch.rand(1, 3, 24, 24), torch.rand(1, 3, 3, 2)
    want = exact(model, photo, pad_to_side(picture, model.network.min_side))
    assert (run(path, photo, picture)[0] - want).abs().max() < 1e-4


def test_the_report_lies_beside_the_file(make, tmp_path):
    report = export_model(make("instance"), tmp_path / "a.onnx", sizes=((1, 40, 52), (2, 31, 33)), version="9.8.7")
    stored = json.loads((tmp_path / "a.onnx.parity.json").read_text(encoding="utf-8"))
    assert stored["passed"] is True
    assert [(check["batch"], check["height"], check["width"]) for check in stored["checks"]] == [
        (1, 40, 52),
        (2, 31, 33),
    ]
    assert all(0 < check["max_difference"] < 1 / 255 for check in stored["checks"])
    assert stored["inputs"] == {"photo": ["batch", 3, "height", "width"]}
    assert "brushwork 9.8.7" in report.to_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.onnx", "a.onnx.parity.json"]


def test_a_file_that_paints_something_else_is_not_kept(make, tmp_path, monkeypatch):
    monkeypatch.setitem(FORWARD, "transformer_net", lambda g, network, x, style: x)
    with pytest.raises(BrushworkError, match="does not paint what the model paints") as caught:
        export_model(make("instance"), tmp_path / "a.onnx", sizes=((1, 40, 52),))
    assert caught.value.do
    assert not list(tmp_path.iterdir())


def test_without_onnxruntime(make, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match="onnxruntime is not installed") as caught:
        export_model(make("instance"), tmp_path / "a.onnx")
    assert "pip install" in caught.value.do
    assert not list(tmp_path.iterdir())
    report = export_model(make("instance"), tmp_path / "a.onnx", check=False)
    assert not report.passed
    assert "not checked" in report.to_text()
    onnx.checker.check_model(str(tmp_path / "a.onnx"))


def test_contradictions_are_explained(make, tmp_path):
    with pytest.raises(ConfigError, match=r"\.onnx \.ts \.pt2"):
        export_model(make("instance"), tmp_path / "a.tflite")
    with pytest.raises(ConfigError, match="none"):
        export_model(make("instance"), tmp_path / "a.onnx", style_input="weights")
    with pytest.raises(ConfigError, match="exclude each other"):
        export_model(make("conditional"), tmp_path / "a.onnx", style="dots", style_input="weights")
    with pytest.raises(StyleError, match="waves, dots"):
        export_model(make("conditional"), tmp_path / "a.onnx", style="stripes")


def test_a_real_checkpoint_against_the_file_that_it_came_from(shared, tmp_path):
    """The community's ONNX file in onnxruntime, and what we export after reading it."""
    source = shared / "checkpoints" / "onnx" / "mosaic_nc8_256x256.onnx"
    report = export_model(load_checkpoint(source), tmp_path / "a.onnx", sizes=((1, 64, 64),))
    photo = torch.rand(1, 3, 256, 256)
    (want,) = run(source, photo * 255)
    assert report.passed
    assert (run(tmp_path / "a.onnx", photo)[0] - want.clamp(0, 255) / 255).abs().max() < 1e-3
