"""Masks at the resolution of features."""

from __future__ import annotations

import torch
from brushwork.core.architectures._mixing import mix, style_maps


def test_a_feature_takes_the_mask_of_its_own_pixels():
    """17 pixels make three features of 8; the last sees pixel 16 alone."""
    mask = torch.zeros(1, 2, 17, 17)
    mask[:, 1] = 1
    mask[..., 16] = torch.tensor([1.0, 0.0])[None, :, None]
    maps = style_maps(mask, (3, 3), dtype=torch.float64)
    assert maps.dtype == torch.float64
    assert torch.allclose(maps.sum(1), torch.ones(1, 3, 3, dtype=torch.float64))
    assert (maps[0, 0, :, 2] > 0.8).all()
    assert (maps[0, 0, :, 0] < 1e-6).all()


def test_mix_is_the_weighted_sum():
    values = torch.randn(3, 4, dtype=torch.float64)
    weights = torch.rand(2, 3).softmax(1)
    assert torch.allclose(mix(weights, values)[:, :, 0, 0], weights.double() @ values)


def test_features_beyond_the_picture_repeat_its_border():
    """5 pixels make two features of 4, and these 8 pixels again: the mask is not stretched over them."""
    mask = torch.rand(1, 1, 5, 5)
    maps = style_maps(mask, (8, 8), dtype=torch.float32)
    assert torch.equal(maps[..., :5, :5], mask)
    assert torch.equal(maps[..., 5:, 5:], mask[..., -1:, -1:].expand(-1, -1, 3, 3))
