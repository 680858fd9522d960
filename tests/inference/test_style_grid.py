"""The style grid: which painting stands where, and under which label."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.errors import ConfigError, StyleError
from brushwork.core.inference import Controls, Stylizer
from brushwork.core.inference import style_grid as module
from brushwork.core.inference.style_grid import GridColumn, named_columns, numbers, stroke_rows, style_grid, value_rows


@pytest.fixture
def drawn(monkeypatch) -> dict:
    """What goes to the contact sheet."""
    seen: dict = {}
    draw = module.contact_sheet

    def record(rows, row_labels, column_labels, *, cell_px):
        seen.update(rows=rows, row_labels=list(row_labels), column_labels=list(column_labels))
        return draw(rows, row_labels, column_labels, cell_px=cell_px)

    monkeypatch.setattr(module, "contact_sheet", record)
    return seen


def test_every_cell_is_the_painting_of_its_labels(conditional, drawn):
    stylizer, photo = Stylizer(conditional, "cpu"), torch.rand(1, 3, 24, 32)
    steps = []
    grid = style_grid(
        stylizer,
        photo,
        named_columns(conditional, ("dots", "waves")),
        value_rows("strength", (0.5, 1)),
        cell_px=64,
        progress=lambda done, total, painting: steps.append((done, total, tuple(painting.shape))),
    )
    assert drawn["column_labels"] == ["photo", "dots", "waves"]
    assert drawn["row_labels"] == ["strength 0.5", "strength 1"]
    assert torch.equal(drawn["rows"][0][0], photo)
    assert drawn["rows"][1][0] is None
    assert torch.equal(drawn["rows"][0][2], stylizer(photo, "waves", 0.5))
    assert torch.equal(drawn["rows"][1][1], stylizer(photo, "dots"))
    assert steps == [(i, 4, (3, 24, 32)) for i in range(1, 5)]
    assert grid.width > 3 * 64
    assert grid.height > 2 * 64


def test_rows_of_stroke_sizes(conditional, drawn):
    stylizer, photo = Stylizer(conditional, "cpu"), torch.rand(1, 3, 24, 32)
    style_grid(stylizer, photo, named_columns(conditional, ("dots",)), stroke_rows((0.5, 2)), cell_px=32, strength=0.7)
    assert drawn["row_labels"] == ["stroke size 0.5", "stroke size 2"]
    for row, size in zip(drawn["rows"], (0.5, 2), strict=True):
        assert torch.equal(row[1], stylizer(photo, "dots", 0.7, controls=Controls(stroke_size=size)))


def test_style_pictures_stand_above_their_column(any_style, drawn):
    photo, pictures = torch.rand(1, 4, 16, 16), [torch.rand(1, 3, 8, 8), torch.rand(1, 3, 9, 7)]
    columns = [GridColumn(str(index), picture) for index, picture in enumerate(pictures)]
    style_grid(Stylizer(any_style, "cpu"), photo, columns, value_rows("strength", (1.0,)), cell_px=32)
    assert drawn["row_labels"] == ["", "strength 1"]
    assert torch.equal(drawn["rows"][0][0], photo[:, :3])
    assert [torch.equal(cell, picture) for cell, picture in zip(drawn["rows"][0][1:], pictures, strict=True)] == [
        True
    ] * 2
    assert drawn["rows"][1][0] is None


def test_shared_options_reach_every_cell_and_rows_go_before(conditional, drawn):
    photo, stylizer = torch.rand(1, 3, 16, 16), Stylizer(conditional, "cpu")
    rows = [module.GridRow("", {}), module.GridRow("", {"preserve_color": "none"})]
    style_grid(stylizer, photo, named_columns(conditional, ("dots",)), rows, cell_px=16, preserve_color="luminance")
    assert torch.equal(drawn["rows"][0][1], stylizer(photo, "dots", preserve_color="luminance"))
    assert torch.equal(drawn["rows"][1][1], stylizer(photo, "dots"))


def test_what_cannot_be_drawn(conditional):
    stylizer, photo = Stylizer(conditional, "cpu"), torch.rand(1, 3, 16, 16)
    with pytest.raises(StyleError):
        named_columns(conditional, ("stripes",))
    for columns, rows in (
        ([], value_rows("strength", (1,))),
        (named_columns(conditional), value_rows("strength", [1] * 300)),
    ):
        with pytest.raises(ConfigError, match="cells"):
            style_grid(stylizer, photo, columns, rows)
    assert numbers("0.25, 0.5;1 2") == (0.25, 0.5, 1, 2)
    for wrong in ("", "a, b", "1, nan"):
        with pytest.raises(ConfigError, match="no values"):
            numbers(wrong)
