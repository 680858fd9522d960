"""`brushwork demo`: every style of every bundled model on every sample photo."""

from __future__ import annotations

import pytest
from brushwork.cli import demo
from brushwork.cli.main import main
from brushwork.core.pictures import samples
from PIL import Image


def test_the_sheet_has_a_row_for_each_style(pack, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SIDE_PX", 48)
    monkeypatch.setattr(demo, "CELL_PX", 48)
    out = tmp_path / "sheets" / "demo.png"
    assert main(["demo", "-o", str(out), "--device", "cpu"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    with Image.open(out) as sheet:
        height = sheet.height
    assert 3 * 48 <= height < 5 * 48  # the photos and two styles, and labels


def test_samples_are_there_with_their_credits():
    photos = demo.load_samples()
    assert len(photos) >= 4
    credits = (samples.FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for name, image in photos.items():
        assert f"{name}.jpg" in credits
        assert max(image.shape[-2:]) == demo.SIDE_PX


def test_a_pack_without_models_is_explained(pack, tmp_path, capsys):
    (pack / "weights_manifest.json").write_text('{"schema_version": 1, "entries": []}', encoding="utf-8")
    assert main(["demo", "-o", str(tmp_path / "out.png")]) == 2
    assert "without models" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["demo.gif", "demo"])
def test_other_formats_are_refused_before_the_work(pack, tmp_path, out, capsys):
    assert main(["demo", "-o", str(tmp_path / out)]) == 2
    assert ".png" in capsys.readouterr().err
