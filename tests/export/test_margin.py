"""Exported files paint with the model's margin: against numpy's reflection around the network in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.export import export_model
from brushwork.core.inference.device import model_on
from brushwork.core.style_model import StyleModel

SIZES = ((1, 48, 64), (2, 61, 45), (1, 20, 33), (1, 2, 3))
"""Batch, height, width; the last two are smaller than the margin."""


def expected(model: StyleModel, photo: torch.Tensor, style) -> torch.Tensor:
    """The painting of the photo in its mirror images, cut out."""
    double = model_on(model, torch.device("cpu"), torch.float64)
    plain = StyleModel(double.network, double.spec.with_(margin_px=0))
    around = np.pad(photo.double().numpy(), ((0, 0), (0, 0), (32, 32), (32, 32)), mode="reflect")
    painted = plain(torch.from_numpy(around), style.double() if isinstance(style, torch.Tensor) else style)
    return painted[..., 32 : 32 + photo.shape[2], 32 : 32 + photo.shape[3]]


@pytest.fixture(params=["instance", "jcjohnson", "conditional", "adain_floor", "msg_net"])
def model(request, make) -> StyleModel:
    plain = make(request.param)
    return StyleModel(plain.network, plain.spec.with_(margin_px=32))


def compare(run, model: StyleModel) -> None:
    picture = torch.rand(1, 3, 37, 50)
    inputs = {"fixed": (), "conditional": (torch.tensor([[1.0, 3.0, 0.0]]),), "image": (picture,)}[model.style_kind]
    style = {"fixed": None, "conditional": {"waves": 0.25, "dots": 0.75}, "image": picture}[model.style_kind]
    for size in SIZES:
        photo = torch.rand(size[0], 3, *size[1:])
        painted = run(photo, *inputs)
        assert painted.shape == photo.shape
        assert (painted - expected(model, photo, style)).abs().max() < 2e-4, size


def test_onnx(model, tmp_path):
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    path = tmp_path / "a.onnx"
    report = export_model(model, path, sizes=((1, 40, 52), (1, 9, 70)))
    assert report.passed
    assert report.reads_back
    assert load_checkpoint(path).spec.margin_px == 32
    onnx.checker.check_model(str(path), full_check=True)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feed)[0])

    compare(run, model)


@pytest.mark.parametrize("suffix", [".ts", ".pt2"])
def test_torch(model, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        assert export_model(model, path, sizes=((1, 40, 52), (2, 9, 70))).passed
        file = str(path)
        compare(torch.jit.load(file) if suffix == ".ts" else torch.export.load(file).module(), model)
