"""TorchScript and ExportedProgram: every size, without Brushwork."""

from __future__ import annotations

import warnings

import pytest
import torch
from brushwork.core.export import export_model, program

SIZES = ((1, 48, 64), (2, 61, 45), (1, 1, 3))


@pytest.fixture(autouse=True)
def _deprecated_but_there():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("kind", ["lengstrom", "conditional", "msg_net", "adain_floor", "microast"])
def test_torchscript(kind, make, tmp_path):
    model = make(kind)
    report = export_model(model, tmp_path / "a.ts", sizes=SIZES)
    assert report.passed
    assert report.max_difference < 1e-5
    assert not report.reads_back
    loaded = torch.jit.load(str(tmp_path / "a.ts"))
    photo, picture = torch.rand(2, 3, 33, 42), torch.rand(1, 3, 50, 41)
    style = {"fixed": (), "conditional": (torch.tensor([[0.0, 2.0, 2.0]]),), "image": (picture,)}
    chosen = {"fixed": None, "conditional": {"dots": 0.5, "identity": 0.5}, "image": picture}
    want = model(photo, chosen[model.style_kind])
    assert (loaded(photo, *style[model.style_kind]) - want).abs().max() < 1e-5
    assert want.std() > 0.02


def test_torchscript_under_the_name_that_comfyui_gives_the_pack(make, tmp_path, monkeypatch):
    model = make("conditional")
    kinds = {type(part) for part in model.network.modules()} | {program.ExportModule, program._grown_to_side}
    kinds = {kind for kind in kinds if kind.__module__.startswith("brushwork.")}
    for kind in kinds:
        name = "/home/me/custom_nodes/comfyui-brushwork" + kind.__module__.removeprefix("brushwork")
        monkeypatch.setattr(kind, "__module__", name)
    assert export_model(model, tmp_path / "a.ts", sizes=SIZES).passed
    assert all(kind.__module__.startswith("/home/me") for kind in kinds)
    torch.jit.load(str(tmp_path / "a.ts"))(torch.rand(1, 3, 20, 30), torch.ones(1, 3))


def test_torchscript_with_features(make, tmp_path):
    model = make("adain")
    assert export_model(model, tmp_path / "a.ts", style_input="features", sizes=SIZES).passed
    photo, picture = torch.rand(1, 3, 33, 42), torch.rand(1, 3, 50, 41)
    features = torch.jit.load(str(tmp_path / "a.style-encoder.ts"))(picture)
    assert (torch.jit.load(str(tmp_path / "a.ts"))(photo, *features) - model(photo, picture)).abs().max() < 1e-5


def test_exported_program(make, tmp_path):
    model = make("conditional")
    report = export_model(model, tmp_path / "a.pt2", sizes=SIZES)
    assert report.passed
    assert report.max_difference < 1e-5
    module = torch.export.load(str(tmp_path / "a.pt2")).module()
    photo = torch.rand(3, 3, 34, 29)
    assert (module(photo, torch.tensor([[0.0, 1.0, 0.0]])) - model(photo, "dots")).abs().max() < 1e-5
