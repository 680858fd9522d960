"""Strength: exact ends, no jumps, and each of its three parts against its formula."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from brushwork.core.architectures import StyleCode
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import ConfigError
from brushwork.core.exposure import restore_exposure
from brushwork.core.inference import Stylizer
from brushwork.core.inference.strength import blend_weight, weaken_code


@pytest.mark.parametrize("size", [(1, 1), (33, 26)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("mode", ["none", "coral"])
def test_zero_is_the_photo_bit_for_bit(any_model, size, dtype, mode):
    photo = torch.rand(2, 4, *size, dtype=dtype)
    assert torch.equal(Stylizer(any_model, "cpu")(photo, strength=0, preserve_color=mode), photo)


def test_one_is_the_painting_bit_for_bit(any_model):
    photo = torch.rand(1, 3, 33, 26)
    assert torch.equal(Stylizer(any_model, "cpu")(photo, strength=1.0), any_model(photo))


def test_there_is_no_step_near_either_end(any_model):
    photo = torch.rand(1, 3, 33, 26)
    stylizer = Stylizer(any_model, "cpu")
    near_zero = (stylizer(photo, strength=1e-3) - photo).abs().max()
    near_one = (stylizer(photo, strength=1 - 1e-3) - stylizer(photo)).abs().max()
    assert 0 < near_zero < 0.02
    assert 0 < near_one < 0.02


def test_the_distance_to_the_photo_grows_all_the_way(any_model):
    photo = torch.rand(1, 3, 33, 26)
    stylizer = Stylizer(any_model, "cpu")
    distances = [(stylizer(photo, strength=s / 10) - photo).square().mean().item() for s in range(11)]
    assert distances == sorted(distances)


@pytest.mark.parametrize("bad", [-0.01, 1.01, float("nan"), float("inf"), "much", None])
def test_other_numbers_are_refused(fixed, bad):
    with pytest.raises(ConfigError, match="strength"):
        Stylizer(fixed, "cpu")(torch.rand(1, 3, 8, 8), strength=bad)


def test_exposure_is_the_formula_of_the_design():
    painting, photo, s = torch.rand(2, 3, 9, 8) * 0.4 + 0.2, torch.rand(2, 3, 9, 8), 0.3
    out = restore_exposure(painting, photo, 1 - s).numpy()
    for x, p, y in zip(painting.double().numpy(), photo.double().numpy(), out, strict=True):
        mean_x, mean_p = (image.mean((1, 2), keepdims=True) for image in (x, p))
        sigma_x, sigma_p = (np.sqrt(((i - i.mean((1, 2), keepdims=True)) ** 2).mean()) for i in (x, p))
        scale = s * 1 + (1 - s) * sigma_p / sigma_x
        assert np.abs((x - mean_x) * scale + s * mean_x + (1 - s) * mean_p - y).max() < 1e-6


def test_at_strength_zero_the_exposure_is_the_photos():
    out = restore_exposure(torch.rand(1, 3, 9, 8) * 0.1, torch.rand(1, 3, 9, 8) * 0.7 + 0.1)
    again = restore_exposure(out, out.roll(1, 2))
    assert torch.allclose(out, again, atol=1e-6)


@pytest.mark.parametrize("flat", ["painting", "photo"])
def test_flat_pictures_do_not_explode(flat):
    pictures = {"painting": torch.rand(1, 3, 9, 8), "photo": torch.rand(1, 3, 9, 8)}
    pictures[flat] = torch.full((1, 3, 9, 8), 0.4)
    out = restore_exposure(pictures["painting"], pictures["photo"], 0.5)
    assert torch.isfinite(out).all()
    assert out.abs().max() < 3


def test_conditional_networks_mix_towards_identity(conditional):
    code = weaken_code(conditional, conditional.encode({"waves": 1, "dots": 3}), 0.4)
    assert code is not None
    assert torch.allclose(code.weights, torch.tensor([[0.1, 0.3, 0.6]]))
    maps = StyleCode(torch.rand(2, 3, 4, 5).softmax(1))
    weak = weaken_code(conditional, maps, 0.4)
    assert weak is not None
    assert torch.allclose(weak.weights.sum(1), torch.ones(2, 4, 5))
    assert torch.allclose(weak.weights[:, 0], 0.4 * maps.weights[:, 0])


def test_without_an_identity_style_the_network_is_left_alone(make_conditional):
    model = make_conditional("waves", "dots")
    code = model.encode("dots")
    assert weaken_code(model, code, 0.4) is code


def test_any_style_networks_get_alpha(any_style):
    photo, style, s = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 9, 9), 0.4
    code = weaken_code(any_style, any_style.encode(style), s)
    assert code is not None
    assert code.alpha == s
    painting = any_style.paint(photo, code)
    weight = blend_weight(s, inner=True)
    expected = photo + weight * (restore_exposure(painting, photo, 1 - s).clamp(0, 1) - photo)
    assert torch.allclose(Stylizer(any_style, "cpu")(photo, style, s), expected, atol=1e-6)


def test_without_inner_strength_it_is_exposure_and_a_blend(fixed):
    photo, s = torch.rand(1, 3, 33, 26), 0.3
    painting = restore_exposure(fixed(photo), photo, 1 - s).clamp(0, 1)
    expected = photo * (1 - s) + painting * s
    assert torch.allclose(Stylizer(fixed, "cpu")(photo, strength=s), expected, atol=1e-6)


def test_published_any_style_weights_grow_evenly_with_strength(shared):
    stylizer = Stylizer(load_checkpoint(shared / "checkpoints" / "microast"), "cpu")
    ramp = torch.linspace(0.1, 0.9, 64)
    photo = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), ramp.flip(0).expand(64, 64)])[None]
    style = torch.rand(1, 3, 64, 64) * torch.tensor([0.9, 0.3, 0.1]).view(1, 3, 1, 1)
    distances = [(stylizer(photo, style, s / 4) - photo).square().mean().sqrt().item() for s in range(5)]
    assert distances == sorted(distances)
    assert max(b - a for a, b in pairwise(distances)) < 0.5 * distances[-1]
