"""Export Style Model on the stand-in host: a file in the output folder that other programs run, and its report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from brushwork.core.errors import StyleError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:FutureWarning")

WIDGETS = {"style": "", "style_input": "auto", "check": True, "overwrite": False}


@pytest.fixture
def export(node, host):
    def run(hosted, name: str, kind: str, **options: object) -> tuple[str, Path]:
        report, path = node("export_style_model", "ExportStyleModel").execute(
            hosted, name, kind, **{**WIDGETS, **options}
        )
        return report, Path(path)

    return run


def test_torchscript_paints_as_the_model_does_without_brushwork(export, hosted, host) -> None:
    with torch.inference_mode():  # as ComfyUI runs nodes
        report, path = export(hosted["conditional"], "mine/script", "torchscript", style="b")
    assert path == host.models.parents[1] / "output" / "mine" / "script.ts"
    assert "passed" in report
    facts = json.loads(path.with_name("script.ts.parity.json").read_text())
    assert len({(check["height"], check["width"]) for check in facts["checks"]}) >= 3
    photo = torch.rand(1, 3, 30, 41)
    painted = torch.jit.load(path)(photo)
    assert (painted - hosted["conditional"].model(photo, "b")).abs().max() <= 1 / 255


def test_onnx_takes_weights_and_never_overwrites_unasked(export, hosted) -> None:
    runtime = pytest.importorskip("onnxruntime")
    _, first = export(hosted["conditional"], "net", "onnx", check=False)
    report, second = export(hosted["conditional"], "net.onnx", "onnx")
    assert (first.name, second.name) == ("net.onnx", "net_00001.onnx")
    assert "style_weights" in report
    photo = torch.rand(2, 3, 24, 35)
    session = runtime.InferenceSession(second, providers=["CPUExecutionProvider"])
    weights = torch.tensor([[0.25, 0.75, 0, 0]])
    (painted,) = session.run(None, {"photo": photo.numpy(), "style_weights": weights.numpy()})
    wanted = hosted["conditional"].model(photo, {"a": 0.25, "b": 0.75})
    assert (torch.from_numpy(painted) - wanted).abs().max() <= 1 / 255


def test_a_style_picture_is_baked_in(export, hosted) -> None:
    picture = torch.rand(1, 20, 26, 4)
    _, path = export(hosted["msg_net"], "picture", "torchscript", style_image=picture)
    photo = torch.rand(1, 3, 24, 24)
    wanted = hosted["msg_net"].model(photo, picture[..., :3].movedim(-1, 1))
    assert (torch.jit.load(path)(photo) - wanted).abs().max() <= 1 / 255


def test_cancel_and_unknown_styles_leave_no_file(export, hosted, host, interrupted) -> None:
    with pytest.raises(StyleError):
        export(hosted["conditional"], "net", "torchscript", style="nobody")
    host.interrupt_after = 0
    with pytest.raises(interrupted):
        export(hosted["conditional"], "net", "torchscript")
    assert not list((host.models.parents[1] / "output").glob("*"))
