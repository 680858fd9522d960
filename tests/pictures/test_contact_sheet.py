"""Contact sheets: pictures where they belong, labels that do not run into them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brushwork.core.pictures import contact_sheet
from brushwork.core.pictures.contact_sheet import BACKGROUND, GAP_PX


def colour(*rgb, size=(1, 3, 20, 30)):
    return torch.tensor(rgb).view(1, 3, 1, 1).expand(size).float()


def test_pictures_are_centred_in_their_cells():
    rows = [[colour(1, 0, 0), None], [colour(0, 1, 0), colour(0, 0, 1, size=(1, 3, 40, 10))[0]]]
    sheet = np.asarray(contact_sheet(rows, cell_px=60))
    assert sheet.shape == (2 * GAP_PX + 2 * (60 + GAP_PX), GAP_PX + 2 * (60 + GAP_PX), 3)

    def middle(row, column):
        return sheet[2 * GAP_PX + row * (60 + GAP_PX) + 30, GAP_PX + column * (60 + GAP_PX) + 30].tolist()

    assert middle(0, 0) == [255, 0, 0]
    assert middle(0, 1) == list(BACKGROUND)
    assert middle(1, 0) == [0, 255, 0]
    assert middle(1, 1) == [0, 0, 255]
    red = (sheet == [255, 0, 0]).all(2)
    assert red.sum() == 60 * 40  # 30×20 fitted into 60


def test_labels_add_margins_and_leave_the_pictures_alone():
    white = colour(1, 1, 1)
    labels = ["starry-night--large and a very long title that must wrap", "b"]
    sheet = np.asarray(contact_sheet([[white], [white]], labels, ["photo"], cell_px=96))
    ink = (sheet != BACKGROUND).any(2)
    left = sheet.shape[1] - 96 - GAP_PX
    assert ink[:, : left - 1].any()
    assert ink[: sheet.shape[0] - 2 * (96 + GAP_PX), left:].any()
    assert (sheet == 255).all(2).sum() == 2 * 96 * 64


@pytest.mark.parametrize(("title", "drawn"), [("Rhône", "Rhone"), ("Große Brücke – 1888", "Grosse Brucke - 1888")])
def test_letters_that_the_font_lacks_lose_their_accents_instead_of_becoming_boxes(title, drawn):
    sheets = [contact_sheet([[colour(1, 1, 1)]], [text], [text], cell_px=96) for text in (title, drawn)]
    assert sheets[0].tobytes() == sheets[1].tobytes()


def test_an_empty_sheet_is_no_crash():
    assert contact_sheet([]).size[0] > 0
