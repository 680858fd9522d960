"""Strength: exact ends, no jumps, and each of its three parts against its formula."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from brushwork.core.architectures import StyleCode, build_network
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import ConfigError
from brushwork.core.exposure import restore_exposure
from brushwork.core.inference import Controls, StyleLayer, StyleModel, Stylizer
from brushwork.core.inference.bands import CROSSOVER_PX
from brushwork.core.inference.strength import blend_weight, weaken_code
from brushwork.core.spec import ModelSpec
from scipy.ndimage import gaussian_filter


@pytest.mark.parametrize("size", [(1, 1), (33, 26)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("mode", ["none", "coral"])
def test_zero_is_the_photo_bit_for_bit(any_model, size, dtype, mode):
    photo = torch.rand(2, 4, *size, dtype=dtype)
    assert torch.equal(Stylizer(any_model, "cpu")(photo, strength=0, preserve_color=mode), photo)


def test_one_is_the_painting(any_model):
    photo = torch.rand(1, 3, 33, 26)
    painting = Stylizer(any_model, "cpu")(photo, strength=1.0)
    assert torch.equal(painting, Stylizer(any_model, "cpu")(photo))
    assert (painting - any_model(photo)).abs().max() < 2e-5


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


def test_a_map_of_ones_and_neutral_factors_change_no_bit(any_model):
    photo, stylizer = torch.rand(2, 3, 33, 26), Stylizer(any_model, "cpu")
    neutral = Controls(coarse_strength=1.0, fine_strength=1.0, strength_map=torch.ones(5, 9))
    assert torch.equal(stylizer(photo, strength=0.6, controls=neutral), stylizer(photo, strength=0.6))


def test_a_map_is_a_strength_for_every_pixel(any_model):
    """Exactly the photo where it is 0; the strength's own picture where it is the same everywhere."""
    photo, stylizer = torch.rand(2, 3, 24, 32), Stylizer(any_model, "cpu")
    half = torch.full((24, 32), 0.5)
    constant = stylizer(photo, strength=0.8, controls=Controls(strength_map=half))
    assert torch.allclose(constant, stylizer(photo, strength=0.4), atol=1e-5)
    half[:, :16] = 0
    kept = stylizer(photo, controls=Controls(strength_map=half))
    assert torch.equal(kept[..., :16], photo[..., :16])
    assert (kept - photo)[..., 16:].abs().mean() > 0.01
    assert torch.equal(stylizer(photo, controls=Controls(strength_map=torch.zeros(24, 32))), photo)


def test_a_map_works_inside_the_network(conditional, any_style):
    photo, places = torch.rand(1, 3, 16, 32), torch.ones(1, 1, 16, 32)
    places[..., 16:] = 0.25
    code = weaken_code(conditional, conditional.encode({"waves": 1, "dots": 3}), places)
    assert code is not None
    assert torch.allclose(code.weights[:, 0], places[0])
    assert torch.allclose(code.rows, torch.tensor([[0.25, 0.75, 0], [0, 0, 1.0]]))
    left = torch.zeros(16, 32)
    left[:, :8] = 1
    masked = conditional.encode([StyleLayer("waves", 1, left), StyleLayer("dots", 1, 1 - left)])
    weak = weaken_code(conditional, masked, places)
    assert weak is not None
    assert torch.allclose(weak.weights.sum(1), torch.ones(1, 16, 32))
    assert torch.equal(weak.weights[0, 1], (1 - left) * places[0, 0])
    alpha = weaken_code(any_style, any_style.encode(photo), places)
    assert alpha is not None
    assert alpha.alpha is places


@pytest.mark.parametrize("network", ["adain", "microast"])
def test_maps_of_alpha_are_alpha_in_each_place(network):
    config = {"encoder": {"widths": ((6,), (6,))}} if network == "adain" else {"widths": (4, 4, 8)}
    model = StyleModel(build_network(network, config).double(), ModelSpec(network, config))
    for name, parameter in model.network.named_parameters():
        if name.endswith("bias"):  # no dead ReLU, behind which the style would not matter
            torch.nn.init.uniform_(parameter, 0.2, 0.5)
    photo, style = torch.rand(1, 3, 16, 144, dtype=torch.float64), torch.rand(1, 3, 20, 20, dtype=torch.float64)
    code = model.encode(style)
    places = torch.full((1, 1, 16, 144), 0.3, dtype=torch.float64)

    def run(alpha):
        with torch.inference_mode():
            return model.network(photo, replace(code, alpha=alpha))

    assert torch.allclose(run(places), run(0.3))
    places[..., 72:] = 1
    mixed, full = run(places), run(1.0)
    unlike = (mixed - full)[..., :60].abs().max()
    assert (mixed - full)[..., 130:].abs().max() < 1e-3 * unlike
    assert unlike > 0


def test_coarse_and_fine_are_bands_of_two_strengths(conditional):
    photo, stylizer = torch.rand(1, 3, 48, 40), Stylizer(conditional, "cpu")
    out = stylizer(photo, strength=0.9, controls=Controls(coarse_strength=1.0, fine_strength=0.5))
    coarse, fine = (stylizer(photo, strength=s).double().numpy() for s in (0.9, 0.45))
    blurred = np.stack([gaussian_filter(c, CROSSOVER_PX, mode="nearest", truncate=3) for c in (coarse - fine)[0]])
    assert np.abs(np.clip(fine[0] + blurred, 0, 1) - out[0].numpy()).max() < 1e-5
    only_tones = stylizer(photo, controls=Controls(fine_strength=0.0))
    detail = (only_tones - photo).double()
    assert detail.diff(dim=-1).abs().mean() < 0.2 * (stylizer(photo) - photo).diff(dim=-1).abs().mean()


@pytest.mark.parametrize("name", ["coarse_strength", "fine_strength"])
def test_factors_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=name.replace("_", " ")):
        Controls(**{name: 1.5})
