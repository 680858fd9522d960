"""Pixels that are optimised: the loss falls, the layer decides what comes back, interrupts pass through."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.errors import ConfigError, TrainingError
from brushwork.core.losses.encoders import EncoderStack
from brushwork.core.metrics import Meter
from brushwork.core.reconstruction import CeilingOptions, ReconstructionOptions, best_painting, reconstruct
from brushwork.core.reconstruction.pixels import optimise_pixels


@pytest.fixture
def encoder() -> EncoderStack:
    network = VGGFeatures(VGGConfig(((8, 8), (12, 12), (16, 16, 16, 16), (16,)), "reflect"))
    for parameter in network.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return EncoderStack([network.eval()])


@pytest.fixture
def picture() -> torch.Tensor:
    """Soft blobs of colour, as photos have them."""
    coarse = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(5))
    return torch.nn.functional.interpolate(coarse, (40, 48), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("kept", ["feature", "style"])
def test_the_loss_falls(encoder, picture, kept, optimizer):
    options = ReconstructionOptions(("relu1_2", "relu2_1"), kept, steps=60, optimizer=optimizer)
    painted = reconstruct(encoder, picture, options)
    assert painted.image.shape == picture.shape
    assert painted.image.min() >= 0
    assert painted.image.max() <= 1
    assert len(painted.history) == 61
    assert painted.history[-1][kept] < 0.1 * painted.history[0][kept]
    found = encoder.features(painted.image, ["relu1_2"])["relu1_2"]
    wanted = encoder.features(picture, ["relu1_2"])["relu1_2"]
    if kept == "feature":
        assert ((found - wanted).square().mean() / wanted.var()) < 0.1


def test_a_shallow_layer_brings_the_picture_back_and_its_style_does_not(encoder, picture):
    feature = reconstruct(encoder, picture, ReconstructionOptions(("relu1_1",), "feature", steps=80, smoothness=0))
    style = reconstruct(encoder, picture, ReconstructionOptions(("relu1_1",), "style", steps=80, smoothness=0))
    error, error_of_style = ((p.image - picture).square().mean().sqrt() for p in (feature, style))
    assert error < 0.03
    assert error_of_style > 0.1


def test_runs_repeat_and_seeds_differ(encoder, picture):
    def run(seed):
        return reconstruct(encoder, picture, ReconstructionOptions(steps=3, seed=seed, optimizer="adam")).image

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_it_works_under_inference_mode_as_in_a_node(encoder, picture):
    with torch.inference_mode():
        photo = picture.clone()
        painted = reconstruct(encoder, photo, ReconstructionOptions(("relu2_1",), steps=3))
        best = best_painting(encoder, photo, photo.flip(3), CeilingOptions(steps=3))
    assert painted.history[-1]["feature"] < painted.history[0]["feature"]
    assert torch.isfinite(best.image).all()


def test_progress_shows_every_step_and_may_end_the_run(encoder, picture):
    seen = []

    def watch(done, total, image):
        seen.append((done, total, tuple(image.shape)))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct(encoder, picture, ReconstructionOptions(steps=9), watch)
    assert seen == [(1, 9, (3, 40, 48)), (2, 9, (3, 40, 48)), (3, 9, (3, 40, 48))]


def test_the_best_painting_trades_content_for_style(encoder, picture):
    style = torch.rand(1, 3, 40, 40)
    losses = {}
    for content in (0.1, 0.4):
        painted = best_painting(encoder, picture, style, CeilingOptions(content, steps=150))
        found = Meter(encoder)(painted.image, picture, style)
        assert found.content <= 1.03 * content
        assert found.style == pytest.approx(painted.history[-1]["style"], rel=1e-3)
        losses[content] = found.style
    assert losses[0.4] < losses[0.1] < 1


def test_wrong_options_and_infinite_losses(encoder, picture):
    for wrong in ({"kept": "both"}, {"layers": ()}, {"smoothness": -1}):
        with pytest.raises(ConfigError):
            ReconstructionOptions(**wrong)
    with pytest.raises(ConfigError, match="content loss above 0"):
        CeilingOptions(content=0)
    with pytest.raises(ConfigError, match="at least 1 step"):
        reconstruct(encoder, picture, ReconstructionOptions(steps=0))
    with pytest.raises(ConfigError, match="relu9_1"):
        reconstruct(encoder, picture, ReconstructionOptions(("relu9_1",)))
    with pytest.raises(TrainingError, match="left the range"):
        optimise_pixels(picture, lambda x: ((x / 0).sum(), {"loss": (x / 0).sum()}), 2)


def test_one_pixel_gets_its_colour_back(encoder):
    pixel = torch.tensor([0.2, 0.4, 0.9]).view(1, 3, 1, 1)
    painted = reconstruct(encoder, pixel, ReconstructionOptions(("relu1_1",), steps=40))
    assert painted.image.shape == pixel.shape
    assert (painted.image - pixel).abs().max() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (31, 48), (3, 40)])
def test_small_pictures_keep_their_size(encoder, picture, size):
    small = picture[..., : size[0], : size[1]]
    for kept in ("feature", "style"):
        painted = reconstruct(encoder, small, ReconstructionOptions(("relu2_1", "relu4_1"), kept, steps=30))
        assert painted.image.shape == small.shape
        assert painted.history[-1][kept] < 0.5 * painted.history[0][kept]
    best = best_painting(encoder, small, picture.flip(1), CeilingOptions(0.3, steps=30))
    assert best.image.shape == small.shape
    found = Meter(encoder)(best.image, small, picture.flip(1))
    assert found.style == pytest.approx(best.history[-1]["style"], rel=1e-3)
    assert found.content <= 0.3 * 1.03
    assert found.style < 1
