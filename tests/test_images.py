"""The image contract: what is let in, what is clamped, what is explained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brushwork.core.errors import ImageError
from brushwork.core.images import (
    check_image,
    from_bhwc,
    mirror_to_side,
    pad_to_side,
    resize_image,
    resize_short_side,
    split_alpha,
    to_bhwc,
)


def test_a_good_image_comes_back_itself():
    image = torch.rand(2, 3, 4, 5)
    assert check_image(image) is image


def test_values_outside_are_clamped_without_touching_the_input():
    image = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1)
    assert check_image(image).flatten().tolist() == [0.0, 0.5, 1.0]
    assert image.flatten().tolist() == [-0.5, 0.5, 1.5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_named_and_counted(value):
    image = torch.rand(1, 3, 4, 4)
    image[0, 1, 2, 3] = value
    with pytest.raises(ImageError, match=r"`photo` contains NaN or infinite values(.|\n)*1 of 48"):
        check_image(image, "photo")


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (torch.rand(1, 8, 8, 3), "from_bhwc"),
        (torch.rand(3, 8, 8), r"image\[None\]"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "Convert it"),
        (torch.rand(1, 3, 0, 8), "H and W"),
        (torch.rand(0, 3, 8, 8), "H and W"),
        ("a path", "got: str"),
    ],
)
def test_everything_else_is_explained(bad, hint):
    with pytest.raises(ImageError, match=hint):
        check_image(bad)


def test_comfy_layout_and_back():
    image = torch.rand(2, 5, 7, 4)
    core = from_bhwc(image)
    assert core.shape == (2, 4, 5, 7)
    assert torch.equal(to_bhwc(core), image)
    assert from_bhwc(torch.rand(1, 5, 7, 1)).shape == (1, 3, 5, 7)
    with pytest.raises(ImageError):
        from_bhwc(torch.rand(1, 3, 5, 7))


def test_alpha_splits_off():
    rgb, alpha = split_alpha(torch.rand(1, 4, 2, 2))
    assert rgb.shape == (1, 3, 2, 2)
    assert alpha is not None
    assert alpha.shape == (1, 1, 2, 2)
    assert split_alpha(torch.rand(1, 3, 2, 2))[1] is None


def test_padding_repeats_the_border_right_and_below():
    image = torch.rand(1, 3, 1, 20)
    padded = pad_to_side(image, 8)
    assert padded.shape == (1, 3, 8, 20)
    assert torch.equal(padded[:, :, 7], image[:, :, 0])
    assert pad_to_side(padded, 8) is padded


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (20, 31), (33, 7)])
def test_mirrors_continue_a_picture_as_numpy_does(size):
    image = torch.rand(2, 3, *size)
    grown = mirror_to_side(image, 32)
    missing = [(0, max(0, 32 - side)) for side in size]
    assert np.array_equal(grown.numpy(), np.pad(image.numpy(), [(0, 0), (0, 0), *missing], mode="symmetric"))
    assert mirror_to_side(grown, 32) is grown


def test_resizing_keeps_range_and_aspect():
    image = (torch.rand(1, 3, 40, 61) > 0.5).float()
    small = resize_short_side(image, 20)
    assert small.shape == (1, 3, 20, 30)
    assert small.min() >= 0
    assert small.max() <= 1
    assert resize_image(image, 40, 61) is image
    assert resize_short_side(torch.rand(1, 3, 1, 4000), 1).shape == (1, 3, 1, 4000)
