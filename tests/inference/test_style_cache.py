"""Style pictures: encoded once, per picture of a batch, never stale."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.errors import StyleError
from brushwork.core.inference import StyleLayer, Stylizer, style_cache
from brushwork.core.inference.style_cache import content_key


def expected(photo, goal):
    """MeanColourNetwork by hand, in float64."""
    return (goal.double().view(-1, 3, 1, 1) + 0.25 * (photo.double() - 0.5)).clamp(0, 1)


def test_one_picture_for_several_photos_is_encoded_once(any_style):
    stylizer, style = Stylizer(any_style, "cpu"), torch.rand(1, 3, 9, 9)
    for _ in range(3):
        photo = torch.rand(2, 3, 16, 16)
        out = stylizer(photo, style)
        assert torch.allclose(out.double(), expected(photo, style.mean((2, 3))), atol=1e-6)
    assert any_style.network.encoded == 1
    stylizer(torch.rand(1, 3, 16, 16), style.clone())
    assert any_style.network.encoded == 2  # another batch size encodes again, equal bytes do not
    stylizer(torch.rand(1, 3, 16, 16), style.clone())
    assert any_style.network.encoded == 2


def test_a_picture_changed_in_place_is_encoded_again(any_style):
    array = torch.rand(1, 3, 9, 9).numpy()
    style = torch.from_numpy(array)
    stylizer, photo = Stylizer(any_style, "cpu"), torch.rand(1, 3, 16, 16)
    stylizer(photo, style)
    array[:] = 0.9  # behind torch's back
    assert torch.allclose(stylizer(photo, style).double(), expected(photo, torch.full((1, 3), 0.9)), atol=1e-6)


def test_the_cache_is_bounded(any_style):
    stylizer = Stylizer(any_style, "cpu")
    for _ in range(20):
        stylizer(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 9, 9))
    assert len(stylizer._cache._codes) == stylizer._cache.size


@pytest.mark.parametrize("max_batch", [1, 2, 5])
def test_one_picture_for_each_photo(any_style, max_batch):
    photo, styles, other = torch.rand(5, 3, 16, 16), torch.rand(5, 3, 9, 9), torch.rand(1, 3, 7, 7)
    out = Stylizer(any_style, "cpu", max_batch=max_batch)(photo, styles)
    assert torch.allclose(out.double(), expected(photo, styles.mean((2, 3))), atol=1e-6)
    layers = [StyleLayer(styles, 3.0), StyleLayer(other, 1.0)]
    mixed = Stylizer(any_style, "cpu", max_batch=max_batch)(photo, layers)
    goal = 0.75 * styles.mean((2, 3)) + 0.25 * other.mean((2, 3))
    assert torch.allclose(mixed.double(), expected(photo, goal), atol=1e-6)


def test_keys_of_recent_tensors_are_those_of_their_contents(monkeypatch):
    digested = []
    monkeypatch.setattr(style_cache, "content_key", lambda tensor: digested.append(tensor) or content_key(tensor))
    recent, first = style_cache.RecentTensors(), torch.rand(1, 3, 9, 9)
    changed = first.clone()
    changed[0, 2, 8, 8] += 1
    for tensor in (first, changed, first.double(), first.clone(), changed):
        assert recent(tensor) == content_key(tensor)
    assert len(digested) == 3
    monkeypatch.setattr(style_cache.RecentTensors, "LIMIT_BYTES", 5000)
    for _ in range(9):
        recent(torch.rand(1, 3, 9, 9))
    assert len(recent._seen) == 5000 // (3 * 81 * 4)


def test_masks_and_weights_belong_to_the_key(any_style):
    stylizer, photo = Stylizer(any_style, "cpu"), torch.rand(1, 3, 16, 16)
    a, b = torch.rand(1, 3, 9, 9), torch.rand(1, 3, 9, 9)
    top = torch.zeros(16, 16)
    top[:8] = 1
    out = stylizer(photo, [StyleLayer(a, 1, top), StyleLayer(b, 1, 1 - top)]).double()
    flipped = stylizer(photo, [StyleLayer(a, 1, 1 - top), StyleLayer(b, 1, top)]).double()
    assert torch.allclose(out[..., :8, :], expected(photo, a.mean((2, 3)))[..., :8, :], atol=1e-6)
    assert torch.allclose(flipped[..., :8, :], expected(photo, b.mean((2, 3)))[..., :8, :], atol=1e-6)


def test_no_picture_is_explained(any_style):
    with pytest.raises(StyleError, match="none was given"):
        Stylizer(any_style, "cpu")(torch.rand(1, 3, 8, 8))
