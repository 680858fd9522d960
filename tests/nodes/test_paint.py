"""The painting nodes on a stand-in host: pictures, progress, interrupt, memory, styles, masks."""

from __future__ import annotations

import importlib

import pytest
import torch
from brushwork.core.color import preserve_color
from brushwork.core.errors import BrushworkError, ImageError, StyleError
from brushwork.core.inference import StyleLayer, Stylizer

PLAIN = {"strength": 1.0, "preserve_color": "none", "precision": "auto"}


def photos(batch: int = 1, height: int = 24, width: int = 40, channels: int = 3) -> torch.Tensor:
    """IMAGE (B, H, W, C)."""
    return torch.rand(batch, height, width, channels)


def as_core(image: torch.Tensor) -> torch.Tensor:
    return image.movedim(-1, 1)


@pytest.fixture
def stylize(node, hosted):
    def run(kind: str, image: torch.Tensor, style: str = "", **options: object) -> torch.Tensor:
        return node("stylize", "Stylize").execute(hosted[kind], image, style, **{**PLAIN, **options})[0]

    return run


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("height", "width"), [(24, 40), (1, 1), (1, 50), (7, 5)])
def test_a_batch_is_painted_as_core_paints_it(stylize, hosted, channels: int, height: int, width: int) -> None:
    image = photos(3, height, width, channels)
    painted = stylize("fixed", image)
    assert painted.shape == image.shape
    expected = Stylizer(hosted["fixed"].model, "cpu")(as_core(image))
    torch.testing.assert_close(as_core(painted), expected, rtol=0, atol=1e-6)
    assert torch.equal(painted[..., 3:], image[..., 3:])


def test_strength_zero_is_the_photo(stylize) -> None:
    image = photos(2)
    assert torch.equal(stylize("fixed", image, strength=0.0), image)


def test_every_picture_is_a_step_and_previews_are_small(stylize, host) -> None:
    stylize("fixed", photos(3, 600, 1200))
    assert host.steps == [(1, 3), (2, 3), (3, 3)]
    assert host.previews
    assert all(max(size) <= 1024 for size in host.previews)


def test_comfyui_is_asked_for_the_memory_that_the_engine_takes(stylize, host) -> None:
    stylize("fixed", photos(1, 64, 64))
    stylize("fixed", photos(1, 1200, 600))
    stores = 1200 * 600 * 4 * (4 + 6 / 4 + 2 * 8 / 16)  # of the tiny network: at full, half and quarter size
    assert stores < host.room[1] < stores + (96 << 20), "windows and blocks of rows beside the stores"
    assert host.room[1] < 1200 * 600 * 900, "what the plain path would take"


def test_strips_move_the_bar_and_cancel_works_between_them(stylize, host, interrupted, monkeypatch) -> None:
    monkeypatch.setattr(importlib.import_module("brushwork.nodes._host"), "PARTS_EVERY_S", 0.0)
    stylize("fixed", photos(2))
    within = [value / total for value, total in host.steps]
    assert within == sorted(within)
    assert len(within) > 10
    assert within[-1] == 1

    host.interrupt_after = len(host.steps) + 3
    with pytest.raises(interrupted):
        stylize("fixed", photos(1))
    assert host.steps[-1][0] < host.steps[-1][1]


def test_an_interrupt_ends_the_run_after_the_picture_it_fell_in(stylize, host, interrupted, hosted) -> None:
    host.interrupt_after = 2
    with pytest.raises(interrupted):
        stylize("fixed", photos(10))
    assert host.steps == [(1, 10), (2, 10)]


def test_out_of_memory_empties_the_device_and_tries_once_more(stylize, host, oom, monkeypatch) -> None:
    image, calls = photos(2), []
    paint = Stylizer._paint

    def fails_first(self, *args):
        calls.append(self.max_batch)
        if len(calls) == 1:
            raise oom
        return paint(self, *args)

    expected = stylize("fixed", image)
    monkeypatch.setattr(Stylizer, "_paint", fails_first)
    assert torch.equal(stylize("fixed", image), expected)
    assert host.emptied == 1
    monkeypatch.setattr(Stylizer, "_paint", lambda *_: (_ for _ in ()).throw(oom()))
    with pytest.raises(BrushworkError, match="ran out of memory"):
        stylize("fixed", image)


def test_another_error_is_not_taken_for_memory(stylize, host, monkeypatch) -> None:
    monkeypatch.setattr(Stylizer, "_paint", lambda *_: (_ for _ in ()).throw(ValueError("other")))
    with pytest.raises(ValueError, match="other"):
        stylize("fixed", photos())
    assert host.emptied == 0


def test_the_network_is_prepared_once_for_all_strengths_and_sizes(hosted) -> None:
    model = hosted["conditional"]
    first = model.stylizer("auto", 1, 8, 8)
    assert model.stylizer("auto", 4, 30, 9) is first
    assert model.stylizer("fast", 1, 8, 8) is not first


def test_a_mask_of_another_size_leaves_the_photo_where_it_is_black(stylize) -> None:
    image = photos(3, 32, 32)
    mask = torch.zeros(1, 64, 64)
    mask[..., :32] = 1
    painted = stylize("fixed", image, mask=mask)
    assert torch.equal(painted[:, :, 18:], image[:, :, 18:])
    assert torch.equal(painted[:, :, :14], stylize("fixed", image)[:, :, :14])


def test_one_mask_for_each_picture(stylize) -> None:
    image = photos(3, 32, 32)
    mask = torch.stack([torch.zeros(8, 8), torch.ones(8, 8), torch.zeros(8, 8)])
    painted = stylize("fixed", image, mask=mask)
    assert torch.equal(painted[[0, 2]], image[[0, 2]])
    assert torch.equal(painted[1], stylize("fixed", image)[1])
    with pytest.raises(ImageError, match="masks"):
        stylize("fixed", image, mask=mask[:2])


def test_a_style_by_name_by_number_and_none(stylize) -> None:
    image = photos()
    first, second = stylize("conditional", image, "a"), stylize("conditional", image, "b")
    assert not torch.equal(first, second)
    assert torch.equal(stylize("conditional", image, "  "), first)
    assert torch.equal(stylize("conditional", image, "1"), second)
    # a style whose name is a number is found by its name
    assert torch.equal(stylize("conditional", image, "7"), stylize("conditional", image, "2"))
    with pytest.raises(StyleError, match="a, b, 7"):
        stylize("conditional", image, "c")


def test_models_of_another_kind_are_sent_to_their_node(stylize, node, hosted) -> None:
    with pytest.raises(StyleError, match=r"Arbitrary AdaIN Stylize \(Brushwork\)"):
        stylize("image", photos())
    pictures = {"style_image0": photos()}
    with pytest.raises(StyleError, match=r"Use Stylize \(Brushwork\)"):
        node("adain_stylize", "AdaINStylize").execute(hosted["conditional"], photos(), pictures, **PLAIN)
    with pytest.raises(StyleError, match=r"Use Arbitrary AdaIN Stylize \(Brushwork\)"):
        node("comatch_stylize", "CoMatchStylize").execute(hosted["image"], photos(), pictures, **PLAIN)
    with pytest.raises(StyleError, match=r"CoMatch Stylize \(Brushwork\)"):
        node("cin_style_mix", "CINStyleMix").execute(hosted["msg_net"], photos(), {}, **PLAIN)
    with pytest.raises(StyleError, match=r"CoMatch Stylize \(Brushwork\)"):
        node("cin_style_mix", "CINStyleMix").execute(hosted["comatch"], photos(), {}, **PLAIN)


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("adain_stylize", "AdaINStylize", "image"),
        ("adain_stylize", "AdaINStylize", "msg_net"),
        ("comatch_stylize", "CoMatchStylize", "msg_net"),
        ("comatch_stylize", "CoMatchStylize", "comatch"),
    ],
)
def test_pictures_as_styles_mix_by_weight(node, hosted, module: str, name: str, kind: str) -> None:
    image, first, second = photos(2, 32, 48), photos(1, 40, 30), photos(1, 20, 60, channels=4)
    layer = node("style_layer", "StyleLayer").execute("", 3.0, style_image=second)[0]
    slots = {"style_image0": first, "style_image1": layer}
    painted = node(module, name).execute(hosted[kind], image, slots, **PLAIN)[0]
    layers = [StyleLayer(as_core(first), 1.0), StyleLayer(as_core(second)[:, :3], 3.0)]
    expected = Stylizer(hosted[kind].model, "cpu")(as_core(image), layers)
    torch.testing.assert_close(as_core(painted), expected, rtol=0, atol=1e-5)


def test_one_style_picture_for_each_photo(node, hosted) -> None:
    adain = node("adain_stylize", "AdaINStylize")
    image, styles = photos(2, 32, 32), photos(2, 32, 32)
    painted = adain.execute(hosted["image"], image, {"style_image0": styles}, **PLAIN)[0]
    for row in range(2):
        single = {"style_image0": styles[row : row + 1]}
        alone = adain.execute(hosted["image"], image[row : row + 1], single, **PLAIN)[0]
        torch.testing.assert_close(painted[row : row + 1], alone, rtol=0, atol=1e-6)
    with pytest.raises(ImageError, match="style pictures"):
        adain.execute(hosted["image"], photos(3), {"style_image0": styles}, **PLAIN)


def test_no_picture_and_a_name_instead_of_one_are_explained(node, hosted) -> None:
    adain, layer = node("adain_stylize", "AdaINStylize"), node("style_layer", "StyleLayer")
    with pytest.raises(StyleError, match="No style picture"):
        adain.execute(hosted["image"], photos(), {}, **PLAIN)
    named = layer.execute("starry-night", 1.0)[0]
    with pytest.raises(StyleError, match="style_image1"):
        adain.execute(hosted["image"], photos(), {"style_image0": photos(), "style_image1": named}, **PLAIN)


def test_a_mix_by_weight_and_by_mask_is_that_of_core(node, hosted) -> None:
    mix, layer = node("cin_style_mix", "CINStyleMix"), node("style_layer", "StyleLayer")
    image, left = photos(2, 32, 32), torch.zeros(16, 16)
    left[:, :8] = 1
    layers = {"layer0": layer.execute("a", 3.0)[0], "layer1": layer.execute("1", 1.0)[0]}
    painted = mix.execute(hosted["conditional"], image, layers, **PLAIN)[0]
    core = Stylizer(hosted["conditional"].model, "cpu")
    torch.testing.assert_close(as_core(painted), core(as_core(image), {"a": 0.75, "b": 0.25}), rtol=0, atol=1e-5)
    layers = {"layer0": layer.execute("a", 1.0, mask=left)[0], "layer1": layer.execute("b", 1.0, mask=1 - left)[0]}
    painted = mix.execute(hosted["conditional"], image, layers, **PLAIN)[0]
    expected = core(as_core(image), [StyleLayer("a", 1.0, left), StyleLayer("b", 1.0, 1 - left)])
    torch.testing.assert_close(as_core(painted), expected, rtol=0, atol=1e-5)


def test_a_mix_without_layers_or_with_a_picture_is_explained(node, hosted) -> None:
    mix, layer = node("cin_style_mix", "CINStyleMix"), node("style_layer", "StyleLayer")
    with pytest.raises(StyleError, match="no style in the mix"):
        mix.execute(hosted["conditional"], photos(), {"layer0": None}, **PLAIN)
    picture = layer.execute("", 1.0, style_image=photos())[0]
    with pytest.raises(StyleError, match="holds a picture"):
        mix.execute(hosted["conditional"], photos(), {"layer0": picture}, **PLAIN)


@pytest.mark.parametrize("method", ["luminance", "histogram", "coral"])
def test_preserve_color_is_that_of_core_for_any_size_and_keeps_alpha(node, host, method: str) -> None:
    recolor = node("preserve_color", "PreserveColor").execute
    painting, original = photos(3, 20, 30, channels=4), photos(1, 20, 30)
    result = recolor(painting, original, method, 1.0)[0]
    expected = preserve_color(as_core(painting)[:, :3], as_core(original), method)
    torch.testing.assert_close(as_core(result)[:, :3], expected, rtol=0, atol=1e-5)
    assert torch.equal(result[..., 3], painting[..., 3])
    assert host.steps == [(1, 3), (2, 3), (3, 3)]
    assert torch.equal(recolor(painting, original, method, 0.0)[0], painting)
    assert recolor(painting, photos(1, 9, 50), method, 0.5)[0].shape == painting.shape
    with pytest.raises(ImageError, match="originals"):
        recolor(painting, photos(2), method, 1.0)


def test_grey_pictures_come_out_in_colour_and_other_tensors_are_refused(stylize) -> None:
    grey = photos(2, channels=1)
    assert torch.equal(stylize("fixed", grey), stylize("fixed", grey.expand(-1, -1, -1, 3)))
    for wrong in (photos(1, channels=2), photos()[0]):
        with pytest.raises(ImageError, match="not a batch of pictures"):
            stylize("fixed", wrong)


def test_half_precision_images_of_the_host_are_taken(stylize) -> None:
    assert stylize("fixed", photos().half()).dtype == torch.float32


def test_models_are_loaded_as_ordinary_tensors(host) -> None:
    """Nodes run under inference_mode; a model loaded there could never be trained on."""
    leave = importlib.import_module("brushwork.nodes._host").ordinary_tensors
    with torch.inference_mode():
        assert torch.zeros(1).is_inference()
        with leave():
            assert not torch.zeros(1).is_inference()


def test_the_pad_mixes_the_styles_of_its_corners(node, hosted) -> None:
    mix = node("cin_style_mix", "CINStyleMix")
    plain = node("stylize", "Stylize")
    model, photo = hosted["conditional"], photos()

    def at(x: float, y: float, corners: str = " a | b |7", layers: dict | None = None) -> torch.Tensor:
        return mix.execute(model, photo, layers, **PLAIN, corners=corners, pad_x=x, pad_y=y)[0]

    for name, x, y in (("a", 0.0, 0.0), ("b", 1.0, 0.0), ("7", 0.0, 1.0), ("7", 1.0, 1.0)):
        assert torch.equal(at(x, y), plain.execute(model, photo, style=name, **PLAIN)[0]), name
    layer = node("style_layer", "StyleLayer")
    wired = {str(i): layer.execute(name, weight)[0] for i, (name, weight) in enumerate((("a", 0.75), ("b", 0.25)))}
    assert torch.allclose(at(0.25, 0.0), mix.execute(model, photo, wired, **PLAIN)[0], atol=1e-6)
    assert torch.equal(at(0.1, 0.9, "", wired), mix.execute(model, photo, wired, **PLAIN)[0]), "no corners, no pad"
    with pytest.raises(StyleError, match="starry"):
        at(0.5, 0.5, "starry")
    with pytest.raises(StyleError, match="no style in the mix"):
        at(0.5, 0.5, " ")
