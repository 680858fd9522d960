"""Style, content and feature distance against NumPy in float64, and against the independent ruler."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints.encoder import load_encoder
from brushwork.core.errors import ConfigError, ImageError
from brushwork.core.losses.encoders import EncoderStack
from brushwork.core.metrics import (
    Meter,
    border,
    feature_distance,
    mean_of,
    perceptual,
    relative_content_loss,
    relative_style_loss,
)
from brushwork.core.pictures import read_picture


def features(batch: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"relu1_1": (6, 9, 11), "relu2_1": (4, 5, 6)}
    return {name: torch.rand(batch, *shape, generator=generator) for name, shape in shapes.items()}


def gram(f):
    flat = f.astype(np.float64).reshape(f.shape[0], -1)
    return flat @ flat.T / flat.size


def test_style_loss_in_units_of_the_photo():
    own, photo, style = features(2, 1), features(2, 2), features(1, 3)
    found = relative_style_loss(own, photo, style)
    for row in range(2):
        ratios = []
        for name in own:
            goal = gram(style[name][0].numpy())
            far = ((gram(photo[name][row].numpy()) - goal) ** 2).mean()
            ratios.append(((gram(own[name][row].numpy()) - goal) ** 2).mean() / far)
        assert float(found[row]) == pytest.approx(np.mean(ratios), rel=1e-4)
    assert relative_style_loss(photo, photo, style).tolist() == pytest.approx([1, 1])
    assert relative_style_loss(style, features(1, 4), style).tolist() == [0]


def test_content_loss_in_units_of_the_variance():
    own, photo = features(2, 1)["relu1_1"], features(2, 2)["relu1_1"]
    found = relative_content_loss(own, photo)
    for row in range(2):
        x, y = photo[row].double().numpy(), own[row].double().numpy()
        assert float(found[row]) == pytest.approx(((y - x) ** 2).mean() / x.var(ddof=1), rel=1e-5)


@pytest.mark.parametrize("values", [1 << 20, 1, 150])
def test_feature_distance_is_that_of_unit_vectors_in_strips_of_any_height(monkeypatch, values):
    monkeypatch.setattr(perceptual, "STRIP_VALUES", values)
    first, second = features(2, 1), features(2, 2)
    found = feature_distance(first, second)
    for row in range(2):
        parts = []
        for name in first:
            a, b = first[name][row].double().numpy(), second[name][row].double().numpy()
            cosine = (a * b).sum(0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
            parts.append((2 - 2 * cosine).mean())  # ‖â − b̂‖² = 2 − 2 cos
        assert float(found[row]) == pytest.approx(np.mean(parts), rel=1e-4)
    assert feature_distance(first, {name: 3 * f for name, f in first.items()}).abs().max() < 1e-6


@pytest.fixture
def meter() -> Meter:
    encoder = VGGFeatures(VGGConfig(((4, 4), (6, 6), (8, 8, 8, 8), (8,)), "reflect"))
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    return Meter(EncoderStack([encoder.eval()]))


def test_the_photo_itself(meter):
    photo, style = torch.rand(1, 3, 48, 40), torch.rand(1, 3, 33, 70)
    found = meter(photo, photo, style)
    assert found.style == pytest.approx(1, abs=1e-5)
    assert (found.content, found.distance) == (0, 0)
    assert found.ssim == pytest.approx(1, abs=1e-5)
    assert found.border == pytest.approx(1)
    assert mean_of([found, found]) == found


def test_features_that_are_kept_are_those_of_the_right_picture(meter):
    first, second, style = torch.rand(1, 3, 48, 40), torch.rand(1, 3, 48, 40), torch.rand(1, 3, 40, 40)
    alone = Meter(meter.encoder)(second, first, style)
    meter(first, second, torch.rand(1, 3, 40, 40))
    assert meter(second, first, style) == alone


def test_photos_of_another_size_or_shape(meter):
    painting, style = torch.rand(1, 3, 64, 48), torch.rand(1, 3, 40, 40)
    meter(painting, torch.rand(1, 3, 128, 96), style)
    with pytest.raises(ImageError, match="do not belong together"):
        meter(painting, torch.rand(1, 3, 64, 64), style)


def mirrored(image: torch.Tensor) -> torch.Tensor:
    """To 32 px, by NumPy."""
    missing = [(0, max(0, 32 - side)) for side in image.shape[2:]]
    return torch.from_numpy(np.pad(image.numpy(), [(0, 0), (0, 0), *missing], mode="symmetric"))


@pytest.mark.parametrize("size", [(20, 40), (2, 3), (1, 50)])
def test_small_pictures_are_continued_by_their_mirror_image(meter, size):
    painting, photo, style = (torch.rand(1, 3, *shape) for shape in (size, size, (40, 9)))
    found, large = meter(painting, photo, style), meter(mirrored(painting), mirrored(photo), mirrored(style))
    for name in ("style", "content", "ssim", "distance"):
        assert getattr(found, name) == pytest.approx(getattr(large, name), rel=1e-5), name
    assert math.isnan(found.border)
    assert math.isnan(found.seam) == (1 in size)
    assert math.isnan(found.checkerboard) == (min(size) < 16)


def test_one_pixel(meter):
    """Two colours: their luminance term is all that SSIM has; nothing has a structure that could be bad."""
    first, second = (torch.tensor(color).view(1, 3, 1, 1) for color in ([0.2, 0.4, 0.9], [0.6, 0.5, 0.1]))
    found = meter(first, second, torch.rand(1, 3, 33, 33))
    a, b = first.numpy().ravel(), second.numpy().ravel()
    assert found.ssim == pytest.approx(np.mean((2 * a * b + 1e-4) / (a * a + b * b + 1e-4)), rel=1e-3)
    assert all(math.isnan(value) for value in (found.seam, found.border, found.checkerboard))
    same = meter(second, second, torch.rand(1, 3, 33, 33))
    assert (same.style, same.content, same.distance) == (pytest.approx(1, abs=1e-5), 0, 0)


def test_a_border_needs_both_rings_from_both_sides():
    picture = torch.rand(1, 3, 32, 32)
    assert float(border(picture, picture)) == 1
    assert math.isnan(float(border(picture[..., 1:], picture[..., 1:])))


def test_the_ruler_of_the_bars(shared):
    """With the ruler's own two networks, the numbers are the ruler's."""
    spec = importlib.util.spec_from_file_location("ruler", shared / "ruler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = ("vgg19_normalised_relu3_1.pth", "vgg19_small16x_relu5_1.pth")
    ours = Meter(EncoderStack([load_encoder(shared / "perceptual" / name) for name in names]))
    photo = read_picture(shared / "photos" / "bsds_0000.jpg").image[..., :96, :112]
    style = read_picture(shared / "styles" / "the-scream.jpg").image[..., 100:220, 50:178]
    painting = (0.6 * photo + 0.4 * photo.flip(3)).clamp(0, 1)
    style_loss, content_loss = module.Ruler().losses(painting, photo, style)
    found = ours(painting, photo, style)
    assert found.style == pytest.approx(style_loss, rel=1e-3)
    assert found.content == pytest.approx(content_loss, rel=1e-3)


def test_an_encoder_that_is_too_shallow():
    shallow = EncoderStack([VGGFeatures(VGGConfig(((4, 4), (6,)), "reflect"))])
    with pytest.raises(ConfigError, match="relu4_1"):
        Meter(shallow)
