"""Losses against their formulas, written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brushwork.core.exposure import exposure, restore_exposure
from brushwork.core.losses import (
    PerceptualLoss,
    calc_mean_std,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation_loss,
)
from brushwork.core.losses.ssim import ssim


def test_gram_matrix_is_the_formula() -> None:
    f = torch.rand(2, 5, 6, 7, dtype=torch.float64)
    expected = np.einsum("bchw,bdhw->bcd", f.numpy(), f.numpy()) / (5 * 6 * 7)
    np.testing.assert_allclose(gram_matrix(f).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)])
def test_gram_matrix_in_half_precision_does_not_overflow(dtype: torch.dtype, tolerance: float) -> None:
    f = torch.rand(1, 4, 256, 256) * 30  # the plain float16 sum would be about 2e7
    exact = gram_matrix(f.to(dtype).double())
    assert torch.isfinite(gram_matrix(f.to(dtype))).all()
    torch.testing.assert_close(gram_matrix(f.to(dtype)).double(), exact, rtol=tolerance, atol=0)


def test_mean_std_are_unbiased() -> None:
    f = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    mean, std = calc_mean_std(f)
    flat = f.numpy().reshape(2, 3, -1)
    np.testing.assert_allclose(mean.flatten().numpy(), flat.mean(-1).ravel())
    np.testing.assert_allclose(std.flatten().numpy(), np.sqrt(flat.var(-1, ddof=1) + 1e-5).ravel())


def test_content_style_and_tv_by_hand() -> None:
    a = torch.zeros(1, 1, 2, 2)
    b = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert float(content_loss(a, b)) == pytest.approx((1 + 4 + 9 + 16) / 4)
    assert float(style_loss(b, gram_matrix(a))) == pytest.approx((30 / 4) ** 2)
    assert float(total_variation_loss(b)) == pytest.approx(4 + 1)  # vertical steps of 2, horizontal of 1
    assert float(total_variation_loss(torch.full((1, 3, 5, 5), 0.3))) == 0


class RawFeatures:
    """The picture itself as the only layer: losses can be computed by hand."""

    def features(self, image, layers):
        return {name: image * (i + 1) for i, name in enumerate(layers)}


def test_perceptual_loss_is_one_for_the_photo_and_zero_for_the_painting() -> None:
    loss = PerceptualLoss(RawFeatures(), {"a": 1.0, "b": 2.0}, ["a"])
    photo, painting = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16) ** 3
    targets = loss.style_targets([painting], loss.describe(photo))
    index = torch.tensor([0])
    untouched = loss(photo, loss.content_targets(photo), targets, index)
    assert float(untouched.style) == pytest.approx(1, abs=1e-5)
    assert float(untouched.content) == 0
    painted = loss(painting, loss.content_targets(photo), targets, index)
    assert float(painted.style) == pytest.approx(0, abs=1e-6)
    expected = ((painting - photo) ** 2).mean() / photo.var()
    assert float(painted.content) == pytest.approx(float(expected), rel=1e-5)


class HalvedFeatures:
    """relu1_1 is the picture, every other layer that of half its side."""

    def features(self, image, layers):
        halved = torch.nn.functional.avg_pool2d(image, 2)
        return {name: image if name == "relu1_1" else halved for name in layers}


def test_the_border_counts_by_itself_where_it_has_a_weight() -> None:
    sizes = {"photo": (64, 80), "painting": (48, 40), "painted": (64, 80)}
    pictures = {name: torch.rand(1, 3, *size, dtype=torch.float64) for name, size in sizes.items()}
    pictures["painting"] **= 3  # or photos would be nearer than the least distance
    pictures["painted"][:, :, 20:44, 20:60] *= 0.3
    layers = {"relu1_1": 2.0, "relu2_1": 1.0, "relu4_1": 1.0}

    def style(border_weight: float) -> float:
        loss = PerceptualLoss(HalvedFeatures(), layers, ["relu2_1"], border_weight=border_weight)
        targets = loss.style_targets([pictures["painting"]], loss.describe(pictures["photo"]))
        content = loss.content_targets(pictures["photo"])
        return float(loss(pictures["painted"], content, targets, torch.zeros(1, dtype=torch.long)).style)

    def gram(positions: np.ndarray) -> np.ndarray:
        return positions @ positions.T / positions.size

    ratios = []
    for layer, width in (("relu1_1", 16), ("relu2_1", 8)):
        own, goal, photo = (
            HalvedFeatures().features(pictures[name], [layer])[layer][0].numpy()
            for name in ("painted", "painting", "photo")
        )
        near = np.ones(own.shape[1:], bool)
        near[width:-width, width:-width] = False
        target = gram(goal.reshape(3, -1))
        distances = [((gram(part) - target) ** 2).mean() for part in (own[:, near], photo.reshape(3, -1))]
        ratios.append(distances[0] / distances[1])
    assert style(0.5) - style(0.0) == pytest.approx(0.5 * np.mean(ratios), rel=1e-3)


def test_every_picture_of_a_batch_meets_its_own_painting() -> None:
    loss = PerceptualLoss(RawFeatures(), {"a": 1.0}, ["a"])
    paintings = [torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8) ** 4]
    targets = loss.style_targets(paintings, loss.describe(torch.rand(2, 3, 8, 8)))
    both = torch.cat(paintings)
    right = loss(both, loss.content_targets(both), targets, torch.tensor([0, 1])).style
    wrong = loss(both, loss.content_targets(both), targets, torch.tensor([1, 0])).style
    assert right.max() < 1e-6 < wrong.min()


def test_restoring_exposure_undoes_contrast_and_colour_cast() -> None:
    photo = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    cast = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64).view(1, 3, 1, 1)
    torch.testing.assert_close(restore_exposure(photo * 0.4 + cast, photo), photo)
    half = restore_exposure(photo * 0.4 + cast, photo, 0.5)
    torch.testing.assert_close(exposure(half)[0], (exposure(photo * 0.4 + cast)[0] + exposure(photo)[0]) / 2)
    assert torch.equal(restore_exposure(photo, photo.flip(0), 0.0), photo)


@pytest.mark.parametrize("values", [1 << 20, 99, 700])
def test_ssim_agrees_with_scikit_image_in_strips_of_any_height(monkeypatch, values) -> None:
    from brushwork.core.losses import ssim as module
    from skimage.metrics import structural_similarity

    monkeypatch.setattr(module, "STRIP_VALUES", values)
    a = torch.rand(1, 3, 40, 33, dtype=torch.float64)
    b = (a + 0.2 * torch.rand_like(a)).clamp(0, 1)
    _, full = structural_similarity(
        a[0].numpy(),
        b[0].numpy(),
        channel_axis=0,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert float(ssim(a, b)) == pytest.approx(float(full[:, 5:-5, 5:-5].mean()), abs=1e-9)
    assert float(ssim(a, a)) == pytest.approx(1)
