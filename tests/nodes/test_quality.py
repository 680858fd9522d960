"""Style Grid, Measure Stylization and Reconstruct Features on the stand-in: wires in, pictures and numbers out."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.core.errors import ConfigError, ImageError, StyleError
from brushwork.core.inference.style_grid import named_columns

GRID = {
    "styles": "",
    "strengths": "0.5, 1",
    "paint_size": 32,
    "cell_size": 32,
    "preserve_color": "none",
    "precision": "exact",
}
RECONSTRUCT = {
    "keep": "feature",
    "layer": "relu1_2",
    "steps": 3,
    "size": 32,
    "content": 0.7,
    "smoothness": 0.02,
    "start_seed": 0,
    "encoder": "compact",
}


def image(batch: int = 1, height: int = 40, width: int = 48, channels: int = 3) -> torch.Tensor:
    coarse = torch.rand(batch, channels, 5, 6)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear").movedim(1, -1)


def test_grid_of_named_styles(node, hosted, host):
    (grid,) = node("style_grid", "StyleGrid").execute(hosted["conditional"], image(2, channels=4), **GRID).args
    model = hosted["conditional"].model
    assert [column.label for column in named_columns(model)] == ["a", "b", "7"]  # the identity is the photo
    (fewer,) = (
        node("style_grid", "StyleGrid")
        .execute(hosted["conditional"], image(), **{**GRID, "styles": "b, 0", "strengths": "1"})
        .args
    )
    assert grid.shape[0] == 1
    assert grid.shape[-1] == 3
    assert grid.shape[2] - fewer.shape[2] == 38
    assert grid.shape[1] - fewer.shape[1] == 38
    assert host.steps[-1] == (2, 2)
    assert host.previews


def test_a_row_for_each_stroke_size(node, hosted):
    execute = node("style_grid", "StyleGrid").execute
    photo = image()
    (grid,) = execute(hosted["conditional"], photo, **{**GRID, "stroke_sizes": "0.5, 1, 2"}).args
    (same,) = execute(hosted["conditional"], photo, **{**GRID, "stroke_sizes": " "}).args
    (plain,) = execute(hosted["conditional"], photo, **GRID).args
    assert torch.equal(same, plain)
    rows = len(GRID["strengths"].split(","))
    assert grid.shape[1] - plain.shape[1] == (3 - rows) * 38
    with pytest.raises(ConfigError, match="stroke size"):
        execute(hosted["conditional"], photo, **{**GRID, "stroke_sizes": "9"})


def test_grid_of_pictures(node, hosted):
    execute = node("style_grid", "StyleGrid").execute
    with pytest.raises(StyleError, match="style_images"):
        execute(hosted["image"], image(), **GRID)
    (grid,) = execute(hosted["image"], image(), image(3), **GRID).args
    assert grid.shape[2] > 4 * 32
    assert grid.shape[1] > 3 * 32  # the style pictures have a row of their own


def test_grid_can_be_cancelled(node, hosted, host, interrupted):
    host.interrupt_after = 2
    with pytest.raises(interrupted):
        node("style_grid", "StyleGrid").execute(hosted["conditional"], image(), **GRID)


def test_measure(node, host):
    photo = image(3)
    found = node("measure_stylization", "MeasureStylization").execute(photo, photo, image(), 32, True, "compact")
    table, plot, style, content, text = found.args
    assert style == pytest.approx(1, abs=1e-4)
    assert content == 0
    numbers = json.loads(text)
    assert list(numbers["paintings"]) == ["1", "2", "3"]
    assert numbers["mean"]["ssim"] == pytest.approx(1, abs=1e-4)
    assert "flicker" in table
    assert found.ui == table
    assert plot.shape[2] == 900
    assert host.steps == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ImageError, match="`photo`"):
        node("measure_stylization", "MeasureStylization").execute(photo, image(2), image(), 0, False, "compact")


def test_reconstruct(node, host):
    execute = node("reconstruct_features", "ReconstructFeatures").execute
    with torch.inference_mode():  # as ComfyUI runs nodes
        found, curve = execute(image(channels=4), **RECONSTRUCT).args
    assert found.shape == (1, 32, 38, 3)
    assert curve.shape == (1, 500, 900, 3)
    assert host.steps == [(1, 3), (2, 3), (3, 3)]
    assert host.previews == [(38, 32)]
    with torch.inference_mode():
        best, _ = execute(image(), image(1, 64, 50), **{**RECONSTRUCT, "keep": "best painting"}).args
    assert best.shape == (1, 32, 38, 3)
    with pytest.raises(ConfigError, match="style_image"):
        execute(image(), **{**RECONSTRUCT, "keep": "best painting"})


def test_reconstruct_can_be_cancelled(node, host, interrupted):
    host.interrupt_after = 1
    with pytest.raises(interrupted):
        node("reconstruct_features", "ReconstructFeatures").execute(image(), **RECONSTRUCT)
    assert len(host.steps) == 1
