"""The artist's controls on the command line: each reaches the Stylizer, none changes anything by default."""

from __future__ import annotations

import argparse
from typing import get_args

import numpy as np
import pytest
import torch
from brushwork.cli._choice import MixPart, parse_mix
from brushwork.cli._controls import COLOR_MODES, add_controls, controls_from
from brushwork.cli.main import main
from brushwork.core.architectures import build_network
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.color import ColorMode
from brushwork.core.errors import ConfigError
from brushwork.core.inference import NEUTRAL, Controls, StyleLayer, StyleModel, Stylizer
from brushwork.core.inference.corners import average, corner_mix
from brushwork.core.pictures import Picture, read_picture, write_picture
from brushwork.core.spec import ModelSpec
from PIL import Image


def stylize(*arguments) -> int:
    return main(["stylize", *map(str, arguments), "--device", "cpu"])


def parsed(*arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_controls(parser)
    return parser.parse_args(list(map(str, arguments)))


@pytest.fixture
def ramp(tmp_path):
    """A mask file, dark on the left."""
    path = tmp_path / "ramp=1@a.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))).save(path)
    return path


def soft() -> torch.Tensor:
    return (torch.linspace(0, 255, 30).to(torch.uint8).float() / 255).expand(20, 30)


def test_without_options_the_controls_are_neutral():
    assert controls_from(parsed()) == NEUTRAL
    assert get_args(ColorMode) == COLOR_MODES


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--stroke-size", 2], {"stroke_size": 2.0}),
        (["--stroke-reference", 64], {"stroke_reference_px": 64}),
        (["--coarse-strength", 0.5, "--fine-strength", 0.25], {"coarse_strength": 0.5, "fine_strength": 0.25}),
        (["--wrap", "both"], {"wrap": "both"}),
        (["--linear"], {"encoding": "linear"}),
    ],
)
def test_options_reach_the_painting(model, photo, tmp_path, arguments, expected):
    out = tmp_path / "out.png"
    assert stylize(photo, "-o", out, "--model", model, *arguments) == 0
    image = read_picture(photo).image
    wanted = Stylizer(load_checkpoint(model), "cpu")(image, controls=Controls(**expected))
    assert torch.allclose(read_picture(out).image, wanted, atol=1.1 / 255)


def test_maps_palettes_and_colours_reach_the_painting(model, photo, ramp, tmp_path):
    out, palette = tmp_path / "out.png", tmp_path / "palette.png"
    colors = torch.rand(1, 3, 9, 9) * torch.tensor([0.9, 0.4, 0.1]).view(1, 3, 1, 1)
    colors = read_picture(write_picture(colors, palette)).image
    options = ["--preserve-color", "coral", "--palette", palette, "--color-amount", 0.5, "--strength-map", ramp]
    assert stylize(photo, "-o", out, "--model", model, *options) == 0
    controls = Controls(palette=colors, color_amount=0.5, strength_map=soft())
    stylizer = Stylizer(load_checkpoint(model), "cpu")
    wanted = stylizer(read_picture(photo).image, preserve_color="coral", controls=controls)
    assert torch.allclose(read_picture(out).image, wanted, atol=1.1 / 255)


def test_styles_in_their_masks(model, photo, ramp, tmp_path):
    out = tmp_path / "out.png"
    mix = ["--mix", f"zebra=1@{ramp}", "ocelot=0.5", "--region-statistics"]
    assert stylize(photo, "-o", out, "--model", model, *mix) == 0
    layers = [StyleLayer("zebra", 1, soft()), StyleLayer("ocelot", 0.5)]
    stylizer = Stylizer(load_checkpoint(model), "cpu")
    wanted = stylizer(read_picture(photo).image, layers, controls=Controls(region_statistics=True))
    assert torch.allclose(read_picture(out).image, wanted, atol=1.1 / 255)


def test_a_part_of_a_mix_is_taken_apart_from_behind():
    parts = parse_mix(["a=b.jpg=1", "x=0.5@mask=2@3.png", "y@z.jpg=2"])
    assert parts == [MixPart("a=b.jpg", 1.0), MixPart("x", 0.5, "mask=2@3.png"), MixPart("y@z.jpg", 2.0)]


def test_four_corners(model, photo, tmp_path):
    out, corners = tmp_path / "out.png", ["zebra", "ocelot", "0", "identity"]
    assert stylize(photo, "-o", out, "--model", model, "--corners", *corners, "--at", 0.25, 0.5) == 0
    mix = {"zebra": 0.375 + 0.375, "ocelot": 0.125, "identity": 0.125}
    wanted = Stylizer(load_checkpoint(model), "cpu")(read_picture(photo).image, mix)
    assert torch.allclose(read_picture(out).image, wanted, atol=1.1 / 255)


def test_the_square_has_bilinear_weights():
    corners = [StyleLayer(name, weight) for name, weight in zip("abcd", (1, 2, 1, 1), strict=True)]
    assert [(layer.style, layer.weight) for layer in corner_mix(corners, 0, 0)] == [("a", 1)]
    assert [(layer.style, layer.weight) for layer in corner_mix(corners, 1, 1)] == [("d", 1)]
    inside = {layer.style: layer.weight for layer in corner_mix(corners, 0.2, 0.9)}
    assert inside == pytest.approx({"a": 0.08, "b": 0.04, "c": 0.72, "d": 0.18})
    for bad in (corners[:3], corners):
        with pytest.raises(ConfigError, match=r"four styles|outside the mix pad"):
            corner_mix(bad, 1.1, 0)


def test_a_folder_of_pictures_is_their_average(photo, tmp_path):
    network = build_network("adain", {"encoder": {"widths": ((6,), (6,))}})
    file = save_checkpoint(
        StyleModel(network, ModelSpec("adain", network.config.to_dict())), tmp_path / "a.safetensors"
    )
    paintings, out = tmp_path / "paintings", tmp_path / "out.png"
    pictures = [torch.rand(1, 3, 30, 40), torch.rand(1, 3, 50, 20) ** 3]
    files = [write_picture(picture, paintings / f"{i}.png") for i, picture in enumerate(pictures)]
    assert stylize(photo, "-o", out, "--model", file, "--style", paintings) == 0
    model = load_checkpoint(file)
    code = model.encode(average([read_picture(path).image for path in files], 2.0))
    features = [network.encode(read_picture(path).image).detach() for path in files]
    mean = torch.stack([part.mean((2, 3))[0] for part in features]).mean(0)
    deviation = torch.stack([(part.var((2, 3))[0] + 1e-5).sqrt() for part in features]).mean(0)
    assert torch.allclose((code.weights @ code.features[0])[0], mean, atol=1e-5)
    assert torch.allclose((code.weights @ code.features[1])[0], deviation, atol=1e-5)
    assert torch.allclose(read_picture(out).image, model.paint(read_picture(photo).image, code), atol=1.1 / 255)


def test_linear_light_goes_through_as_exr(model, tmp_path):
    pytest.importorskip("OpenEXR")
    light = torch.rand(1, 3, 20, 30) * 4
    source = write_picture(Picture(light, 32, linear=True), tmp_path / "in.exr")
    assert stylize(source, "-o", tmp_path / "out.exr", "--model", model) == 0
    wanted = Stylizer(load_checkpoint(model), "cpu")(light, controls=Controls(encoding="linear"))
    assert torch.allclose(read_picture(tmp_path / "out.exr").image, wanted, atol=1e-4)
    assert light.max() > 1.5
    assert stylize(source, "-o", tmp_path / "small.exr", "--model", model, "--strength", "0", "--size", "8") == 0
    small = read_picture(tmp_path / "small.exr").image
    assert max(small.shape[-2:]) == 8
    assert small.max() > 1.2, "light beyond white survives scaling down"
    assert wanted.max() > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stroke-size", 9], "stroke size"),
        (["--fine-strength", 2], "fine strength"),
        (["--color-amount", -1], "amount of colour"),
        (["--palette", "gone.png"], "palette"),
        (["--preserve-color", "lab", "--palette", "gone.png"], "gone.png"),
        (["--wrap", "panorama"], "twice as wide"),
        (["--corners", "zebra", "zebra", "zebra", "zebra", "--style", "ocelot"], "excludes"),
        (["--corners", "zebra", "zebra", "zebra", "zebra", "--at", "2", "0"], "outside the mix pad"),
        (["--mix", "zebra=1@gone.png"], "gone.png"),
        (["--mix", "zebra=much"], "NAME=WEIGHT"),
    ],
)
def test_wrong_values_are_explained(model, photo, tmp_path, capsys, arguments, said):
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
