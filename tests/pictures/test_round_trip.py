"""Reading and writing: exact pixels, depth, orientation, profile, EXIF; files checked with Pillow and tifffile."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from brushwork.core.errors import BrushworkError, ConfigError, ImageError
from brushwork.core.pictures import Picture, read_picture, write_picture
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(channels=3, depth=8, height=11, width=17):
    """Integer pixels (H, W, C) and the same as a core image."""
    top = 2**depth - 1
    array = np.random.default_rng(0).integers(0, top + 1, (height, width, channels))
    array = array.astype(np.uint8 if depth == 8 else np.uint16)
    return array, torch.from_numpy(array.astype(np.float32) / top).permute(2, 0, 1)[None]


def camera_exif(orientation=1):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B] = "Maker", "Model 7", "Someone"
    exif[0x0112] = orientation
    exif[0x8769] = {0x829A: 0.01, 0x8827: 400, 0x9003: "2026:01:02 03:04:05"}
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 24.0)}
    return exif.tobytes()  # Pillow saves a mapping's directories in some formats only


FACTS = ["Maker", "Model 7", "Someone", 0.01, 400, "2026:01:02 03:04:05", "N", (48.0, 51.0, 24.0)]


def facts(exif):
    """The tags of `camera_exif` in a comparable form."""
    inner, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    names = [str(exif.get(tag)) for tag in (0x010F, 0x0110, 0x013B)]
    exposure = [round(float(inner[0x829A]), 6), int(inner[0x8827]), str(inner[0x9003])]
    return [*names, *exposure, str(place[1]), tuple(float(v) for v in place[2])]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("suffix", "depth"), [(".png", 8), (".png", 16), (".tif", 8), (".tiff", 16), (".webp", 8)])
def test_lossless_round_trip_is_exact(tmp_path, suffix, depth, channels):
    _, image = pixels(channels, depth)
    path = write_picture(Picture(image, depth), tmp_path / f"p{suffix}", quality=100)
    back = read_picture(path)
    assert back.bit_depth == depth
    assert torch.equal(back.image, image)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_files_are_what_tifffile_and_imagecodecs_read(tmp_path, suffix, channels):
    import imagecodecs

    array, image = pixels(channels, 16)
    path = write_picture(Picture(image, 16), tmp_path / f"p{suffix}")
    read = tifffile.imread(path) if suffix == ".tif" else imagecodecs.png_decode(path.read_bytes())
    assert np.array_equal(read, array)


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path):
    _, image = pixels(3, 16)
    path = write_picture(Picture(image, 16), tmp_path / "p.webp", quality=100)
    back = read_picture(path)
    assert back.bit_depth == 8
    assert (back.image - image).abs().max() <= 0.5 / 255 + 1e-6


def test_jpeg_is_close_and_flattens_transparency_on_white(tmp_path):
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).clone()
    back = read_picture(write_picture(ramp, tmp_path / "p.jpg")).image
    assert (back - ramp).abs().max() < 0.03
    clear = torch.cat([ramp, torch.zeros(1, 1, 64, 64)], 1)
    assert read_picture(write_picture(clear, tmp_path / "q.jpg")).image.min() > 0.99


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation_is_applied(tmp_path, suffix, orientation):
    """Against ImageOps.exif_transpose of the very pixels that were stored."""
    from PIL import ImageOps

    array, _ = pixels()
    stored = Image.fromarray(np.kron(array[:4, :3], np.ones((8, 8, 1), np.uint8)))
    path = tmp_path / f"p{suffix}"
    stored.save(path, exif=camera_exif(orientation), **({"lossless": True} if suffix == ".webp" else {}))
    marked = stored.copy()
    marked.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(marked))
    picture = read_picture(path)
    got = (picture.image[0].permute(1, 2, 0).numpy() * 255).round()
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < (20 if suffix == ".jpg" else 0.01)
    with Image.open(write_picture(picture, tmp_path / "again.png")) as again:
        assert again.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", [3, 6, 8, 5])
def test_orientation_of_sixteen_bit_files(tmp_path, orientation):
    from PIL import ImageOps

    array, _ = pixels(3, 16)
    path = tmp_path / "p.tif"
    tags = [(0x0112, "H", 1, orientation, True)]
    tifffile.imwrite(path, array, photometric="rgb", extratags=tags, metadata=None)
    marked = Image.fromarray((array >> 8).astype(np.uint8))
    marked.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(marked))
    got = (read_picture(path).image[0].permute(1, 2, 0).numpy() * 65535).round().astype(np.uint16) >> 8
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_exif_and_profile_survive(tmp_path, source, target, depth):
    array, _ = pixels()
    first = tmp_path / f"first{source}"
    Image.fromarray(array).save(first, exif=camera_exif(6), icc_profile=SRGB)
    picture = read_picture(first)
    picture = Picture(picture.image, depth, picture.icc_profile, picture.exif)
    second = write_picture(picture.image, tmp_path / f"second{target}", like=picture)
    with Image.open(second) as image:
        image.load()
        assert facts(image.getexif()) == FACTS
        assert image.getexif().get(0x0112, 1) == 1
        assert image.info["icc_profile"] == SRGB
    assert read_picture(second).bit_depth == (depth if target in (".png", ".tif") else 8)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 3), ("L", 3), ("LA", 4), ("P", 3), ("RGB", 3), ("RGBA", 4), ("I;16", 3)],
)
def test_png_modes(tmp_path, mode, channels):
    grey = np.tile(np.arange(0, 256, 16, np.uint8), (16, 1))
    rgb = Image.fromarray(np.stack([grey] * 3, 2))
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "P":
        image = rgb.quantize()
    else:
        image = rgb.convert(mode, dither=Image.Dither.NONE)
    grey = np.where(grey > 127, 255, 0) if mode == "1" else grey
    image.save(tmp_path / "p.png")
    picture = read_picture(tmp_path / "p.png")
    assert picture.image.shape == (1, channels, 16, 16)
    assert picture.bit_depth == (16 if mode == "I;16" else 8)
    expected = torch.from_numpy(grey / 255).float()
    assert (picture.image[:, :3] - expected).abs().max() <= 1e-6


@pytest.mark.parametrize("kind", ["grey", "grey+alpha", "float rgb", "planar rgb", "big-endian rgb"])
def test_deep_tiffs(tmp_path, kind):
    array, image = pixels(3, 16)
    path = tmp_path / "p.tif"
    if kind == "grey":
        tifffile.imwrite(path, array[..., 0])
        image = image[:, [0, 0, 0]]
    elif kind == "grey+alpha":
        tifffile.imwrite(path, array[..., :2], photometric="minisblack", extrasamples=["unassalpha"])
        image = image[:, [0, 0, 0, 1]]
    elif kind == "float rgb":
        tifffile.imwrite(path, image[0].permute(1, 2, 0).numpy(), photometric="rgb")
    elif kind == "planar rgb":
        tifffile.imwrite(path, array.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    else:
        tifffile.imwrite(path, array, photometric="rgb", byteorder=">", compression="lzw")
    picture = read_picture(path)
    assert picture.bit_depth == 16
    assert torch.equal(picture.image, image)


def test_palette_transparency_and_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour).convert("P") for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    first = read_picture(tmp_path / "a.gif").image[0, :3, 4, 4]
    assert torch.allclose(first, torch.tensor([1.0, 0, 0]), atol=0.02)
    clear = Image.new("P", (8, 8), 0)
    clear.putpalette([255, 0, 0, 0, 255, 0])
    clear.save(tmp_path / "t.png", transparency=0)
    assert read_picture(tmp_path / "t.png").image[0, :, 0, 0].tolist() == [1, 0, 0, 0]


def test_cmyk_becomes_rgb_without_its_profile(tmp_path):
    profile = b"\0" * 16 + b"CMYK" + b"\0" * 108
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "c.jpg", icc_profile=profile)
    picture = read_picture(tmp_path / "c.jpg")
    assert torch.allclose(picture.image[0, :, 4, 4], torch.tensor([1.0, 0, 0]), atol=0.03)
    assert picture.icc_profile is None


def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    array, image = pixels()
    Image.fromarray(array).save(tmp_path / "p.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert torch.equal(read_picture(tmp_path / "p.png").image, image)


@pytest.mark.parametrize("name", ["empty.jpg", "text.jpg", "cut.jpg", "cut.png", "cut16.png", "cut16.tif", "magic.tif"])
def test_bad_files_are_named_in_four_parts(tmp_path, name):
    path, (_, image) = tmp_path / name, pixels(3, 8, 64, 64)
    if name == "empty.jpg":
        path.write_bytes(b"")
    elif name == "text.jpg":
        path.write_text("not a picture")
    elif name == "magic.tif":
        path.write_bytes(b"II*\0" + b"\0" * 50)
    else:
        write_picture(Picture(image, 16 if "16" in name else 8), path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    assert name in str(caught.value)
    assert caught.value.expected
    assert caught.value.got
    assert caught.value.do


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone.jpg(.|\n)*nothing at this path"):
        read_picture(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="a folder"):
        read_picture(tmp_path)


def test_decompression_bombs_are_refused_before_decoding(tmp_path, monkeypatch):
    from brushwork.core.pictures import read

    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (400, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(read, "MAX_PIXELS", 100_000)
    with pytest.raises(ImageError, match=r"400×300(.|\n)*exhaust memory"):
        read_picture(tmp_path / "bomb.png")
    monkeypatch.setattr(read, "MAX_PIXELS", 120_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read_picture(tmp_path / "bomb.png").image.shape[-1] == 400
    assert Image.MAX_IMAGE_PIXELS == 1000
    assert limit != 1000


def test_writing_refuses_what_it_cannot_do_and_leaves_nothing(tmp_path):
    image = torch.rand(1, 3, 8, 8)
    with pytest.raises(ConfigError, match=r"\.webp"):
        write_picture(image, tmp_path / "p.bmp")
    with pytest.raises(ConfigError, match="quality"):
        write_picture(image, tmp_path / "p.jpg", quality=0)
    with pytest.raises(ImageError, match="one by one"):
        write_picture(torch.rand(2, 3, 8, 8), tmp_path / "p.png")
    with pytest.raises(ImageError, match="scale it down"):
        write_picture(torch.rand(1, 3, 1, 17000), tmp_path / "p.webp")
    (tmp_path / "file").write_text("")
    with pytest.raises(BrushworkError, match="cannot be written"):
        write_picture(image, tmp_path / "file" / "p.png")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
