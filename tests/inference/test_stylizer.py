"""Stylizer: the contract on every awkward picture, batches, masks, layers, progress."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.color import preserve_color
from brushwork.core.errors import ConfigError, ImageError, StyleError
from brushwork.core.inference import Controls, StyleLayer, Stylizer


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (7, 5), (8, 8), (51, 103)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size_comes_back_finite_and_in_range(any_model, size, channels):
    photo = torch.rand(1, channels, *size)
    out = Stylizer(any_model, "cpu")(photo)
    assert out.shape == (1, max(3, channels), *size)
    assert torch.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("size", [(1, 4000), (513, 1021)])
def test_the_sizes_of_the_issue(conditional, size):
    out = Stylizer(conditional, "cpu")(torch.rand(1, 3, *size), strength=0.5)
    assert out.shape == (1, 3, *size)
    assert torch.isfinite(out).all()


@pytest.mark.usefixtures("fast_is_bf16")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_the_photos_dtype_comes_back(any_model, dtype, precision):
    photo = torch.rand(1, 3, 24, 20, dtype=dtype)
    out = Stylizer(any_model, "cpu", precision)(photo, strength=0.7, preserve_color="histogram")
    assert out.dtype == dtype
    assert torch.isfinite(out).all()


def test_the_plain_call_is_the_model(any_model):
    photo = torch.rand(2, 3, 33, 26)
    out = Stylizer(any_model, "cpu", "exact")(photo)
    assert (out - torch.cat([any_model(one[None]) for one in photo])).abs().max() < 2e-5
    assert out.std() > 0.02, "the test network paints a flat picture: nothing was compared"


def test_alpha_is_carried_bit_for_bit(fixed):
    photo = torch.rand(2, 4, 20, 20)
    out = Stylizer(fixed, "cpu")(photo)
    assert torch.equal(out[:, 3], photo[:, 3])
    assert torch.equal(out[:, :3], Stylizer(fixed, "cpu")(photo[:, :3]))


def test_the_result_is_an_ordinary_tensor_and_the_photo_is_untouched(fixed):
    photo = torch.rand(1, 3, 16, 16)
    before = photo.clone()
    out = Stylizer(fixed, "cpu")(photo)
    out[:] = 0  # an inference tensor would refuse
    assert torch.equal(photo, before)
    same = Stylizer(fixed, "cpu")(photo, strength=0)
    same[:] = 0
    assert torch.equal(photo, before)


def test_nan_is_an_error_that_names_it(fixed):
    photo = torch.rand(1, 3, 16, 16)
    photo[0, 0, 3, 3] = float("nan")
    with pytest.raises(ImageError, match="`photo` contains NaN"):
        Stylizer(fixed, "cpu")(photo)


def test_values_outside_are_clamped(fixed):
    photo = torch.rand(1, 3, 16, 16) * 3 - 1
    assert torch.equal(Stylizer(fixed, "cpu")(photo), Stylizer(fixed, "cpu")(photo.clamp(0, 1)))


def test_batches_in_chunks_are_the_pictures_one_by_one(conditional):
    photo = torch.rand(5, 3, 24, 20)
    masks = torch.rand(5, 12, 10)
    layers = [StyleLayer("waves", 1, masks), StyleLayer("dots", 2, torch.rand(24, 20))]
    chunked = Stylizer(conditional, "cpu", max_batch=2)(photo, layers, 0.6, mask=masks.flip(0))
    for i in range(5):
        own = [StyleLayer("waves", 1, masks[i]), layers[1]]
        alone = Stylizer(conditional, "cpu")(photo[i : i + 1], own, 0.6, mask=masks.flip(0)[i])
        assert torch.allclose(chunked[i], alone[0], atol=1e-5)


def test_large_pictures_go_one_by_one(fixed):
    stylizer = Stylizer(fixed, "cpu", max_batch=8)
    assert stylizer._pictures_at_once(256, 256) == 8
    assert stylizer._pictures_at_once(512, 1024) == 2
    assert stylizer._pictures_at_once(1025, 1024) == 1


def test_progress_counts_pictures_and_its_exception_ends_the_run(fixed):
    seen: list[tuple[int, int]] = []
    Stylizer(fixed, "cpu", max_batch=2)(torch.rand(5, 3, 16, 16), progress=lambda *a: seen.append(a))
    assert seen == [(i, 5) for i in range(1, 6)]

    class StopNowError(Exception):
        pass

    def stop(done, total):
        seen.append((done, total))
        if done == 2:
            raise StopNowError

    seen.clear()
    with pytest.raises(StopNowError):
        Stylizer(fixed, "cpu")(torch.rand(5, 3, 16, 16), progress=stop)
    assert seen == [(1, 5), (2, 5)]


@pytest.mark.parametrize("size", [(24, 20), (9, 31)])
def test_a_mask_of_ones_changes_nothing_and_of_zeros_everything(conditional, size):
    photo = torch.rand(2, 3, 24, 20)
    stylizer = Stylizer(conditional, "cpu")
    assert torch.equal(stylizer(photo, mask=torch.ones(size)), stylizer(photo))
    assert torch.equal(stylizer(photo, mask=torch.zeros(2, *size)), photo)


def test_a_soft_mask_is_a_linear_blend(fixed):
    photo, mask = torch.rand(1, 3, 24, 20), torch.rand(24, 20)
    stylizer = Stylizer(fixed, "cpu")
    painting = stylizer(photo).double()
    expected = photo.double() * (1 - mask) + painting * mask
    assert torch.allclose(stylizer(photo, mask=mask).double(), expected, atol=1e-6)


def test_where_no_layer_reaches_the_photo_stays(conditional):
    photo = torch.rand(1, 3, 24, 20)
    left, middle = torch.zeros(24, 20), torch.zeros(24, 20)
    left[:, :6], middle[:, 6:12] = 1, 1
    stylizer = Stylizer(conditional, "cpu")
    out = stylizer(photo, [StyleLayer("waves", 1, left), StyleLayer("dots", 3, middle)])
    assert torch.equal(out[..., 12:], photo[..., 12:])
    assert (out[..., :12] - photo[..., :12]).abs().mean() > 0.05
    everywhere = stylizer(photo, [StyleLayer("waves", 1, left), StyleLayer("dots", 3)])
    assert (everywhere[..., 12:] - photo[..., 12:]).abs().mean() > 0.05


def test_the_mask_and_the_layers_masks_multiply(fixed):
    photo, mask, own = torch.rand(1, 3, 24, 20), torch.rand(24, 20), torch.rand(24, 20)
    stylizer = Stylizer(fixed, "cpu")
    out = stylizer(photo, [StyleLayer("only", 1, own)], mask=mask).double()
    expected = photo.double() + mask.double() * own.double() * (stylizer(photo).double() - photo.double())
    assert torch.allclose(out, expected, atol=1e-6)


def test_a_masked_layer_alone_equals_the_style_under_a_mask(conditional):
    photo, mask = torch.rand(1, 3, 24, 20), torch.rand(24, 20) * 0.8 + 0.1
    stylizer = Stylizer(conditional, "cpu")
    layered = stylizer(photo, [StyleLayer("dots", 1, mask)])
    assert torch.allclose(layered, stylizer(photo, "dots", mask=mask), atol=1e-6)


def test_mixing_is_convex_in_gamma_and_beta(conditional):
    photo = torch.rand(1, 3, 24, 20)
    stylizer = Stylizer(conditional, "cpu")
    mixed = stylizer(photo, {"waves": 1, "dots": 3})
    with torch.no_grad():
        for layer in conditional.network.style_layers():
            for part in (layer.weight, layer.bias):
                part[0] = 0.25 * part[0] + 0.75 * part[1]
    assert torch.allclose(mixed, Stylizer(conditional, "cpu")(photo, "waves"), atol=1e-6)


def test_bad_input_is_explained(conditional, fixed):
    stylizer, photo = Stylizer(conditional, "cpu"), torch.rand(3, 3, 16, 16)
    with pytest.raises(StyleError, match="waves, dots, identity"):
        stylizer(photo, "stripes")
    with pytest.raises(StyleError, match="any-style model"):
        Stylizer(fixed, "cpu")(photo, torch.rand(1, 3, 16, 16))
    with pytest.raises(ImageError, match="1 or 3 masks"):
        stylizer(photo, mask=torch.rand(2, 16, 16))
    with pytest.raises(ConfigError, match="colour mode"):
        stylizer(photo, preserve_color="sepia")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="max_batch"):
        Stylizer(fixed, "cpu", max_batch=0)


@pytest.mark.parametrize("mode", ["luminance", "histogram", "coral", "keep", "lab", "palette"])
def test_colour_modes_reach_the_painting(fixed, mode):
    photo = torch.rand(1, 3, 24, 20) * torch.tensor([0.9, 0.2, 0.4]).view(1, 3, 1, 1)
    stylizer = Stylizer(fixed, "cpu")
    plain, kept = stylizer(photo), stylizer(photo, preserve_color=mode)

    def cast(image):
        return image[:, 0].mean() - image[:, 1].mean()

    assert (cast(kept) - cast(photo)).abs() < 0.5 * (cast(plain) - cast(photo)).abs()


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_instance_norm_discards_contrast_and_batch_norm_does_not(make_fixed, norm):
    """Ulyanov et al. 2016: the result should not depend on the contrast of the photo."""
    photo = torch.rand(1, 3, 48, 48)
    faint = photo * 0.5 + torch.tensor([0.1, 0.3, 0.2]).view(1, 3, 1, 1)
    stylizer = Stylizer(make_fixed(norm), "cpu")
    difference = (stylizer(photo) - stylizer(faint)).abs().max()
    assert (difference <= 1 / 255) == (norm == "instance")


def test_a_third_picture_lends_its_colours(fixed):
    photo, palette = torch.rand(2, 3, 24, 20), torch.rand(1, 3, 9, 9) * torch.tensor([0.9, 0.2, 0.1]).view(1, 3, 1, 1)
    stylizer = Stylizer(fixed, "cpu")
    out = stylizer(photo, preserve_color="coral", controls=Controls(palette=palette))
    assert torch.allclose(out, preserve_color(stylizer(photo), palette, "coral"), atol=1e-6)
    faint = stylizer(photo, preserve_color="coral", controls=Controls(palette=palette, color_amount=0.25))
    assert torch.allclose(faint, stylizer(photo).lerp(out, 0.25), atol=1e-6)
    none = Controls(color_amount=0.0)
    assert torch.equal(stylizer(photo, preserve_color="keep", controls=none), stylizer(photo))
    for mode in ("none", "keep", "luminance"):
        with pytest.raises(ConfigError, match="palette"):
            stylizer(photo, preserve_color=mode, controls=Controls(palette=palette))
    with pytest.raises(ImageError, match="1 or 2"):
        stylizer(photo, preserve_color="lab", controls=Controls(palette=palette.repeat(3, 1, 1, 1)))


def test_strips_tell_the_share_of_the_batch_that_is_done(fixed):
    shares: list[float] = []
    Stylizer(fixed, "cpu")(torch.rand(3, 3, 24, 20), on_strip=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len(shares) >= 3 * 8, "at least one strip for every layer of every picture"

    def cancel(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stylizer(fixed, "cpu")(torch.rand(1, 3, 24, 20), on_strip=cancel)
