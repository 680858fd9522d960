"""Masks: shapes, resizing, convex weights, compositing."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.errors import ImageError
from brushwork.core.masks import check_mask, composite, convex, resize_mask


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (1, 1, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.float32])
def test_every_shape_and_dtype_becomes_b1hw_float(shape, dtype):
    mask = check_mask(torch.ones(shape, dtype=dtype))
    assert mask.shape == (1, 1, 5, 7)
    assert mask.is_floating_point()


def test_values_are_clamped():
    mask = check_mask(torch.tensor([[-1.0, 0.5, 2.0]]))
    assert mask.flatten().tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("bad", [torch.rand(2, 3, 4, 4), torch.rand(4), torch.rand(0, 4), torch.rand(1, 1, 1, 1, 1)])
def test_other_shapes_are_refused(bad):
    with pytest.raises(ImageError, match="not a mask"):
        check_mask(bad)


def test_nan_is_refused_by_name():
    with pytest.raises(ImageError, match="NaN"):
        check_mask(torch.tensor([[float("nan")]]))


def test_shrinking_averages_and_growing_interpolates():
    checker = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(8, 8)[None, None]
    assert torch.allclose(resize_mask(checker, 4, 4), torch.tensor(0.5), atol=0.02)
    ramp = resize_mask(torch.tensor([[[[0.0, 1.0]]]]), 1, 4)
    assert torch.allclose(ramp.flatten(), torch.tensor([0, 0.25, 0.75, 1]))
    assert resize_mask(checker, 16, 16) is checker


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)])
def test_convex_weights_sum_to_one_and_zero_shares_equally(shape):
    weights = torch.rand(shape) - 0.2
    weights[0] = 0
    out = convex(weights)
    assert torch.allclose(out.sum(1), torch.ones_like(out.sum(1)))
    assert (out >= 0).all()
    assert torch.allclose(out[0], torch.tensor(1 / 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_composite_is_exact_at_both_ends(dtype):
    below, above = torch.rand(2, 3, 8, 8).to(dtype), torch.rand(2, 3, 8, 8).to(dtype)
    assert torch.equal(composite(below, above, torch.zeros(1, 1, 8, 8)), below)
    assert torch.equal(composite(below, above, torch.ones(1, 1, 8, 8)), above)
    half = composite(below.double(), above.double(), torch.full((1, 1, 8, 8), 0.5))
    assert torch.allclose(half, (below.double() + above.double()) / 2)
