"""The artist's controls on the painting nodes: core's result, neutral when left out, sliced with the batch."""

from __future__ import annotations

import importlib

import pytest
import torch
from brushwork.core.errors import ImageError, StyleError
from brushwork.core.inference import NEUTRAL, Controls, StyleLayer, Stylizer

PLAIN = {"strength": 1.0, "preserve_color": "none", "precision": "auto"}


def photos(batch: int = 1, height: int = 24, width: int = 40) -> torch.Tensor:
    return torch.rand(batch, height, width, 3)


def as_core(image: torch.Tensor) -> torch.Tensor:
    return image.movedim(-1, 1)


@pytest.fixture
def stylize(node, hosted):
    def run(image: torch.Tensor, **options: object) -> torch.Tensor:
        return node("stylize", "Stylize").execute(hosted["conditional"], image, "", **{**PLAIN, **options})[0]

    return run


def test_the_default_of_every_input_is_neutral(host) -> None:
    module = importlib.import_module("brushwork.nodes._controls")
    slots = module.control_inputs(places=True)
    assert all(slot.options["optional"] for slot in slots), "saved workflows and scripts do not have them"
    defaults = {slot.name: slot.options["default"] for slot in slots if "default" in slot.options}
    assert module.controls_from(defaults) == module.controls_from({}) == NEUTRAL


@pytest.mark.parametrize(
    ("inputs", "controls"),
    [
        ({"stroke_size": 2.0}, {"stroke_size": 2.0}),
        ({"stroke_reference": 64}, {"stroke_reference_px": 64}),
        ({"coarse_strength": 0.5, "fine_strength": 0.0}, {"coarse_strength": 0.5, "fine_strength": 0.0}),
        ({"wrap": "both"}, {"wrap": "both"}),
    ],
)
def test_controls_paint_as_in_core(stylize, hosted, inputs, controls) -> None:
    image = photos()
    expected = Stylizer(hosted["conditional"].model, "cpu")(as_core(image), controls=Controls(**controls))
    torch.testing.assert_close(as_core(stylize(image, **inputs)), expected, rtol=0, atol=1e-5)
    assert not torch.equal(stylize(image, **inputs), stylize(image))


def test_maps_and_palettes_belong_to_their_pictures(stylize, hosted) -> None:
    image, maps, palettes = photos(3), torch.rand(3, 12, 20), photos(3, 9, 9)
    options = {"preserve_color": "coral", "strength_map": maps, "palette": palettes}
    painted = stylize(image, **options)
    core = Stylizer(hosted["conditional"].model, "cpu")
    for row in range(3):
        own = Controls(strength_map=maps[row], palette=as_core(palettes[row : row + 1]))
        expected = core(as_core(image[row : row + 1]), preserve_color="coral", controls=own)
        torch.testing.assert_close(as_core(painted[row : row + 1]), expected, rtol=0, atol=1e-5)
    with pytest.raises(ImageError, match="strength maps"):
        stylize(image, strength_map=maps[:2])
    with pytest.raises(ImageError, match="palettes"):
        stylize(image, preserve_color="coral", palette=palettes[:2])


def test_light_beyond_white_stays(stylize) -> None:
    image = photos() * 4
    assert stylize(image, encoding="linear").max() > 1.2  # a random network; clamped to white it would be 1
    assert stylize(image).max() <= 1
    assert torch.equal(stylize(image, encoding="linear", strength=0.0), image)


def test_regions_reach_core(node, hosted) -> None:
    mix, layer = node("cin_style_mix", "CINStyleMix"), node("style_layer", "StyleLayer")
    image, left = photos(1, 32, 48), torch.zeros(32, 48)
    left[:, :24] = 1
    layers = {"layer0": layer.execute("a", 1.0, mask=left)[0], "layer1": layer.execute("b", 1.0, mask=1 - left)[0]}
    painted = mix.execute(hosted["conditional"], image, layers, **PLAIN, region_statistics=True)[0]
    expected = Stylizer(hosted["conditional"].model, "cpu")(
        as_core(image),
        [StyleLayer("a", 1, left), StyleLayer("b", 1, 1 - left)],
        controls=Controls(region_statistics=True),
    )
    torch.testing.assert_close(as_core(painted), expected, rtol=0, atol=1e-5)


def test_four_corners_of_names(node, hosted) -> None:
    corners, layer = node("style_corners", "StyleCorners"), node("style_layer", "StyleLayer")
    image = photos()
    wires = [layer.execute(name, 1.0)[0] for name in ("a", "b", "7", "a")]
    mixed = corners.execute(*wires, 0.25, 0.5)[0]
    painted = node("cin_style_mix", "CINStyleMix").execute(hosted["conditional"], image, {"layer0": mixed}, **PLAIN)[0]
    expected = Stylizer(hosted["conditional"].model, "cpu")(as_core(image), {"a": 0.5, "b": 0.125, "7": 0.375})
    torch.testing.assert_close(as_core(painted), expected, rtol=0, atol=1e-5)
    with pytest.raises(StyleError, match="corner of another"):
        corners.execute(mixed, *wires[1:], 0.5, 0.5)


def test_four_corners_of_pictures_and_an_average(node, hosted) -> None:
    corners, layer = node("style_corners", "StyleCorners"), node("style_layer", "StyleLayer")
    image, pictures = photos(2, 32, 32), [photos(1, 20, 30) for _ in range(4)]
    mixed = corners.execute(*pictures, 1.0, 0.25)[0]
    adain = node("adain_stylize", "AdaINStylize").execute
    painted = adain(hosted["image"], image, {"style_image0": mixed}, **PLAIN)[0]
    core = Stylizer(hosted["image"].model, "cpu")
    layers = [StyleLayer(as_core(pictures[1]), 0.75), StyleLayer(as_core(pictures[3]), 0.25)]
    torch.testing.assert_close(as_core(painted), core(as_core(image), layers), rtol=0, atol=1e-5)
    batch = photos(3, 20, 30)
    averaged = adain(hosted["image"], image, {"style_image0": layer.execute("", 1.0, batch, average=True)[0]}, **PLAIN)[
        0
    ]
    layers = [StyleLayer(as_core(batch[i : i + 1])) for i in range(3)]
    torch.testing.assert_close(as_core(averaged), core(as_core(image), layers), rtol=0, atol=1e-5)
