"""Published weights, where the developers' data is at hand: they load, and their pictures are right."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.checkpoints import load_checkpoint
from skimage import data

FIXED = [
    ("transformer_net/candy_nc16_b1_e2_1e05_1e10.model", 16),
    ("transformer_net/candy_nc8_b1_e2_1e05_1e10.model", 8),
    ("transformer_net/mosaic_nc16_b1_e2_1e05_1e10.model", 16),
    ("rrmina/mosaic_TransformerResNextNetwork.pth", 32),
]


@pytest.fixture(scope="module")
def coffee() -> torch.Tensor:
    """(1, 3, 133, 200), RGB 0..1."""
    picture = torch.from_numpy(data.coffee()).movedim(-1, 0)[None].float() / 255
    return F.interpolate(picture, (133, 200), mode="bilinear", antialias=True)


def edges(picture: torch.Tensor) -> torch.Tensor:
    grey = F.avg_pool2d(picture.mean(1, keepdim=True), 5, 1)
    return (grey[..., 1:, 1:] - grey[..., :-1, :-1]).abs().flatten()


def likeness(a: torch.Tensor, b: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([edges(a), edges(b)]))[0, 1].item()


@pytest.mark.parametrize(("name", "width"), FIXED, ids=lambda value: str(value))
def test_a_published_style_paints_the_photo(shared, coffee, name, width):
    model = load_checkpoint(shared / "checkpoints" / name)
    assert model.spec.hyperparameters["encoder_widths"][0] == width
    painted = model(coffee)
    assert painted.shape == coffee.shape
    assert likeness(painted, coffee) > 0.3
    assert (painted - coffee).abs().mean() > 0.05
    assert 0.2 < painted.mean() < 0.9
    assert ((painted == 0) | (painted == 1)).float().mean() < 0.4  # a wrong range saturates


def test_microast_takes_the_colours_of_the_style(shared, coffee):
    model = load_checkpoint(shared / "checkpoints" / "microast")
    noise = torch.rand(1, 1, 96, 96)
    reddish, bluish = (noise * torch.tensor(c).view(1, 3, 1, 1) for c in ([0.9, 0.3, 0.2], [0.2, 0.3, 0.9]))
    red, blue = model(coffee, reddish), model(coffee, bluish)
    assert likeness(red, coffee) > 0.2  # the style is noise
    assert (red[:, 0] - red[:, 2]).mean() > 0.1
    assert (blue[:, 2] - blue[:, 0]).mean() > 0.1


def test_adain_with_the_photo_as_its_own_style_gives_the_photo(shared, coffee):
    """The published encoder up to relu3_1 and the decoder trained to invert it: AdaIN(c, c) = c."""
    files = [shared / "perceptual" / f"{name}.pth" for name in ("feature_invertor_conv3_1", "vgg19_normalised_relu3_1")]
    again = load_checkpoint(*files)(coffee, coffee)
    assert (again - coffee).square().mean().log10() * -10 > 20  # dB
    assert (again - coffee.flip(1)).square().mean() > 4 * (again - coffee).square().mean()
