"""EXR: linear light in and out, against the OpenEXR package itself; painting in light."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.errors import ConfigError, ImageError
from brushwork.core.inference import Controls, StyleModel, Stylizer
from brushwork.core.pictures import Picture, find_pictures, read_picture, write_picture
from brushwork.core.spec import ModelSpec, StyleInfo

OpenEXR = pytest.importorskip("OpenEXR")


def light(channels: int = 3) -> torch.Tensor:
    """Linear, up to 40 times white; alpha in 0..1."""
    image = torch.rand(1, channels, 12, 9)
    image[:, :3, :4] *= 40
    return image


def srgb(linear):
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_what_another_program_wrote_is_read(tmp_path, channels, dtype):
    image, path = light(channels)[0].numpy().astype(dtype), tmp_path / "a.exr"
    named = dict(zip("RGBA", map(np.ascontiguousarray, image), strict=False)) | {"Z": image[0].copy()}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, named) as file:
        file.write(str(path))
    picture = read_picture(path)
    assert picture.linear
    assert picture.bit_depth == (32 if dtype == np.float32 else 16)
    assert np.array_equal(picture.image[0].numpy(), image.astype(np.float32))
    assert find_pictures([tmp_path]) == [path]


def test_what_was_written_other_programs_read(tmp_path):
    image = light(4)
    path = write_picture(Picture(image, 32, linear=True), tmp_path / "a.exr")
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    assert sorted(channels) == list("ABGR")
    assert all(np.array_equal(channels[name], image[0, i].numpy()) for i, name in enumerate("RGBA"))
    assert torch.equal(read_picture(path).image, image)


def test_light_becomes_display_values_and_back(tmp_path):
    image = light().clamp(0, 2)
    shown = read_picture(write_picture(Picture(image, 16, linear=True), tmp_path / "a.png"))
    assert not shown.linear
    assert np.abs(shown.image.numpy() - srgb(image.clamp(0, 1).numpy())).max() < 1 / 65535
    again = read_picture(write_picture(shown, tmp_path / "b.exr"))
    assert (again.image - image.clamp(0, 1)).abs().max() < 2e-3  # half precision


@pytest.fixture
def stylizer() -> Stylizer:
    config = {"encoder_widths": (4, 6, 8), "decoder_widths": (6, 4), "blocks": 1}
    network = build_network("transformer_net", config)
    torch.nn.init.constant_(network.output.bias, 0.5)
    return Stylizer(StyleModel(network, ModelSpec("transformer_net", config, styles=(StyleInfo("a"),))), "cpu")


def test_light_is_painted_as_it_is_shown_and_lamps_stay_lamps(stylizer):
    image, controls = light(4), Controls(encoding="linear")
    out = stylizer(image, controls=controls)
    headroom = image[:, :3].amax(1, keepdim=True).clamp_min(1)
    shown = torch.from_numpy(srgb((image[:, :3] / headroom).numpy())).float()
    painted = stylizer(shown).double().numpy()
    linear = np.where(painted <= 0.04045, painted / 12.92, ((painted + 0.055) / 1.055) ** 2.4)
    assert np.allclose(out[:, :3].numpy(), linear * headroom.numpy(), rtol=1e-3, atol=1e-5)
    assert out.max() > 5
    assert torch.equal(out[:, 3], image[:, 3])


def test_unpainted_light_comes_back_bit_for_bit(stylizer):
    image, controls = light(), Controls(encoding="linear")
    image[0, 0, 0, 0] = -0.25
    assert torch.equal(stylizer(image, strength=0, controls=controls), image)
    half = torch.zeros(12, 9)
    half[6:] = 1
    assert torch.equal(stylizer(image, mask=half, controls=controls)[..., :6, :], image[..., :6, :])
    with pytest.raises(ConfigError, match="linear"):
        Controls(encoding="log")  # type: ignore[arg-type]
    image[0, 0, 0, 0] = float("inf")
    with pytest.raises(ImageError, match="infinite"):
        stylizer(image, controls=controls)


def test_damage_and_a_missing_codec_are_explained(tmp_path, monkeypatch):
    path = write_picture(Picture(light(), 32, linear=True), tmp_path / "a.exr")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageError, match="complete OpenEXR"):
        read_picture(path)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "OpenEXR":
            raise ImportError("No module named 'OpenEXR'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for act in (lambda: read_picture(path), lambda: write_picture(light().clamp(0, 1), tmp_path / "b.exr")):
        with pytest.raises(ImageError, match=r"brushwork\[exr\]"):
            act()
    assert not (tmp_path / "b.exr").exists()
