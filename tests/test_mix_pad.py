"""The pad's weights against the bilinear formula as torch's grid_sample computes it."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.errors import ConfigError
from brushwork.core.mix_pad import pad_weights

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 0.0), (0.3, 0.8), (0.5, 0.5), (1.0, 1.0), (0.01, 0.99)])
def test_four_styles_mix_as_bilinear_interpolation(x: float, y: float) -> None:
    one_hot = torch.eye(4, dtype=torch.float64).view(1, 4, 2, 2)
    point = torch.tensor([[[[2 * x - 1, 2 * y - 1]]]], dtype=torch.float64)
    want = torch.nn.functional.grid_sample(one_hot, point, align_corners=True).flatten()
    assert list(pad_weights(NAMES, x, y).values()) == pytest.approx(want.tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("corners", "want"),
    [
        (["a", "b"], {"a": 0.7, "b": 0.3}),
        (["a", "", "c", ""], {"a": 0.2, "c": 0.8}),
        (["", "", "", "d"], {"d": 1.0}),
        (["a", "b", "c"], {"a": 0.7 * 0.2, "b": 0.3 * 0.2, "c": 0.8}),
        (["a", "a", "a", "b"], {"a": 1 - 0.3 * 0.8, "b": 0.3 * 0.8}),
        (["", ""], {}),
        ([], {}),
    ],
)
def test_empty_corners_take_their_neighbours_style(corners: list[str], want: dict[str, float]) -> None:
    got = pad_weights(corners, 0.3, 0.8)
    assert got == pytest.approx(want)
    assert not got or sum(got.values()) == pytest.approx(1)


@pytest.mark.parametrize(("corners", "x", "y"), [(list("abcde"), 0, 0), (["a"], -0.1, 0), (["a"], 0, float("nan"))])
def test_what_is_no_pad_is_refused(corners: list[str], x: float, y: float) -> None:
    with pytest.raises(ConfigError):
        pad_weights(corners, x, y)
