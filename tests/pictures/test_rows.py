"""Pictures by rows: the pixels and facts of whole ones, for every kind of file; what others read of what we write."""

from __future__ import annotations

import errno
import struct
import tracemalloc
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from brushwork.core.errors import BrushworkError, ConfigError, ImageError
from brushwork.core.pictures import Picture, read_picture, write_picture
from brushwork.core.pictures import rows as rows_module
from brushwork.core.pictures.rows import picture_size, read_rows
from brushwork.core.pictures.tiff import TiffStrips
from brushwork.core.pictures.write import write_rows
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RANDOM = np.random.default_rng(3)


def pixels(channels: int = 3, depth: int = 8, height: int = 150, width: int = 37) -> np.ndarray:
    dtype = np.uint8 if depth == 8 else np.uint16
    # smooth with noise, so that every filter of PNG is the best one somewhere
    ramp = np.linspace(0, 200, width)[None, :, None] * np.linspace(0.2, 1, height)[:, None, None]
    noise = RANDOM.integers(0, 50, (height, width, channels)) * (np.arange(height) > 60)[:, None, None]
    return ((ramp + noise) * (1 if depth == 8 else 257)).astype(dtype)


def save_pillow(path: Path, mode: str, **options: object) -> Path:
    Image.fromarray(pixels(4), "RGBA").convert(mode).save(path, **options)
    return path


def oriented(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    return exif.tobytes()


KINDS = {
    "jpeg": lambda p: save_pillow(p / "a.jpg", "RGB", icc_profile=SRGB),
    "jpeg on its side": lambda p: save_pillow(p / "a.jpg", "RGB", exif=oriented(6)),
    "grey jpeg": lambda p: save_pillow(p / "a.jpg", "L"),
    "cmyk jpeg": lambda p: save_pillow(p / "a.jpg", "CMYK"),
    "png": lambda p: save_pillow(p / "a.png", "RGBA", icc_profile=SRGB),
    "palette": lambda p: save_pillow(p / "a.png", "P", transparency=3),
    "webp": lambda p: save_pillow(p / "a.webp", "RGBA", lossless=True),
    "bit": lambda p: save_pillow(p / "a.gif", "1"),
    "grey 16": lambda p: (p / "a.png").write_bytes(imagecodecs.png_encode(pixels(1, 16)[..., 0])) and p / "a.png",
    "png 16": lambda p: write_picture(Picture(torch.rand(1, 4, 33, 21), 16, SRGB, oriented(3)[6:]), p / "a.png"),
    "tiff": lambda p: save_pillow(p / "a.tif", "RGB", compression="tiff_lzw"),
    "tiff raw": lambda p: save_pillow(p / "a.tif", "RGB", icc_profile=SRGB),
    "tiff jpeg": lambda p: save_pillow(p / "a.tif", "RGB", compression="jpeg"),
    "tiff grey": lambda p: save_pillow(p / "a.tif", "L"),
    "tiff on its head": lambda p: save_pillow(p / "a.tif", "RGB", exif=oriented(3)[6:]),
    "ours": lambda p: write_picture(Picture(torch.rand(1, 4, 300, 210), 16, SRGB), p / "a.tif"),
    "tiles": lambda p: save_tiff(p / "a.tif", pixels(3, 8), tile=(32, 16), compression="zlib", predictor=True),
    "big-endian": lambda p: save_tiff(p / "a.tif", pixels(3, 16), byteorder=">", rowsperstrip=7),
    "big-endian zlib": lambda p: save_tiff(
        p / "a.tif", pixels(3, 16), byteorder=">", rowsperstrip=7, compression="zlib"
    ),
    "planes": lambda p: save_tiff(p / "a.tif", np.moveaxis(pixels(), 2, 0), planarconfig="separate"),
    "big tiff": lambda p: save_tiff(p / "a.tif", pixels(), bigtiff=True),
}


def save_tiff(path: Path, array: np.ndarray, *, byteorder: str = "<", bigtiff: bool = False, **options: object) -> Path:
    tifffile.imwrite(path, array, byteorder=byteorder, bigtiff=bigtiff, photometric="rgb", metadata=None, **options)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_picture_as_a_whole(kind, tmp_path):
    path = KINDS[kind](tmp_path)
    whole, rows = read_picture(path), read_rows(path)
    if rows is None:
        assert kind == "planes"
        return
    gathered = np.concatenate(list(rows.blocks))
    assert gathered.dtype == (np.uint16 if whole.bit_depth == 16 else np.uint8)
    assert gathered.shape == (rows.height, rows.width, rows.channels)
    top = np.float32(65535 if whole.bit_depth == 16 else 255)
    assert torch.equal(torch.from_numpy(gathered.astype(np.float32) / top).permute(2, 0, 1)[None], whole.image)
    assert (rows.like.bit_depth, rows.like.format) == (whole.bit_depth, whole.format)
    assert (rows.like.icc_profile, rows.like.exif) == (whole.icc_profile, whole.exif)
    size = picture_size(path)
    assert sorted(size) == sorted(whole.image.shape[-2:])


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_rows_are_upright(tmp_path, suffix, orientation):
    exif = oriented(1)[6:]
    path = write_picture(Picture(torch.rand(1, 3, 33, 21), 16, exif=exif), tmp_path / f"a{suffix}", quality=100)
    # the same file with another orientation: the one short that follows the tag and its type
    data, entry = path.read_bytes(), b"\x01\x12\x00\x03\x00\x00\x00\x01\x00"
    entry = entry if entry in data else b"\x12\x01\x03\x00\x01\x00\x00\x00"
    assert data.count(entry) == 1
    at = data.index(entry) + len(entry)
    path.write_bytes(data[:at] + bytes([orientation]) + data[at + 1 :])
    fix_png_checksum(path)
    whole, rows = read_picture(path), read_rows(path)
    assert whole.image.shape[-2:] == ((33, 21) if orientation < 5 else (21, 33))
    array = np.concatenate(list(rows.blocks))
    assert array.shape == (rows.height, rows.width, 3)
    assert np.array_equal(array, (whole.image[0].movedim(0, -1) * (65535 if suffix == ".png" else 255)).round().int())


def fix_png_checksum(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"eXIf")
    if at >= 0:
        (length,) = struct.unpack(">I", data[at - 4 : at])
        data[at + 4 + length : at + 8 + length] = struct.pack(">I", zlib.crc32(data[at : at + 4 + length]))
        path.write_bytes(data)


@pytest.mark.parametrize("kind", ["tiff raw", "ours", "tiles", "big-endian", "big-endian zlib", "big tiff"])
def test_tiff_is_decoded_in_pieces(kind, tmp_path, monkeypatch):
    path = KINDS[kind](tmp_path)
    assert TiffStrips.readable(path)
    monkeypatch.setattr("brushwork.core.pictures.tiff.STRIP_BYTES", 1000)
    blocks = list(TiffStrips(path).blocks())
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate(blocks), tifffile.imread(path))


@pytest.mark.parametrize("kind", ["tiff jpeg", "planes", "tiff on its head"])
def test_other_tiff_layouts_are_left_to_the_whole_decoder(kind, tmp_path):
    assert not TiffStrips.readable(KINDS[kind](tmp_path))


def test_floating_point_is_not_made_integer(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", np.full((4, 5), 0.123, np.float32))
    assert read_rows(tmp_path / "f.tif") is None


def test_damage_is_explained_while_rows_are_taken(tmp_path):
    path = KINDS["ours"](tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\0" * (len(data) // 2))
    with pytest.raises(ImageError, match="not a readable picture"):
        list(read_rows(path).blocks)
    with pytest.raises(ImageError, match="cannot be read"):
        read_rows(tmp_path / "gone.png")
    assert picture_size(tmp_path / "gone.png") is None


def test_a_limit_holds_before_anything_is_decoded(tmp_path, monkeypatch):
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (400, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(rows_module, "MAX_PIXELS", 100_000)
    with pytest.raises(ImageError, match=r"400×300[\s\S]*exhaust memory"):
        read_rows(tmp_path / "bomb.png")
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("height", [1, 7, 64, 150])
def test_what_is_written_by_rows_other_libraries_read(tmp_path, suffix, depth, channels, height):
    array = pixels(channels, depth, 150)
    image = torch.from_numpy(array.astype(np.float32) / (2**depth - 1)).permute(2, 0, 1)[None]
    blocks = (image[:, :, first : first + height] for first in range(0, 150, height))
    like = Picture(torch.empty(0), depth, SRGB, oriented(1)[6:])
    path = write_rows(blocks, 150, 37, channels, tmp_path / f"p{suffix}", like)
    read = tifffile.imread(path) if suffix == ".tif" else imagecodecs.png_decode(path.read_bytes())
    assert np.array_equal(read, array)
    with Image.open(path) as opened:
        opened.load()  # Pillow checks the check sums
        assert opened.info["icc_profile"] == SRGB
        assert opened.getexif()[0x010F] == "Maker"
        if depth == 8:
            assert np.array_equal(np.asarray(opened), array)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_formats_without_rows_are_gathered(tmp_path, suffix):
    image = torch.from_numpy(pixels(4).astype(np.float32) / 255).permute(2, 0, 1)[None]
    whole = write_picture(image, tmp_path / f"whole{suffix}")
    blocks = (image[:, :, first : first + 40] for first in range(0, 150, 40))
    assert write_rows(blocks, 150, 37, 4, tmp_path / f"rows{suffix}", Picture(torch.empty(0))).read_bytes() == (
        whole.read_bytes()
    )


def test_png_has_the_size_that_pillow_makes(tmp_path):
    array = np.asarray(Image.open(Path(__file__).parents[2] / "assets" / "samples" / "chelsea.jpg"))
    Image.fromarray(array).save(tmp_path / "pillow.png", compress_level=4)
    image = torch.from_numpy(array.astype(np.float32) / 255).permute(2, 0, 1)[None]
    ours = write_picture(image, tmp_path / "ours.png")
    assert ours.stat().st_size < 1.02 * (tmp_path / "pillow.png").stat().st_size


def test_writing_takes_the_memory_of_some_rows(tmp_path):
    """Numpy tells tracemalloc of its arrays."""
    rows, count, width = 64, 40, 2000
    block = torch.rand(1, 3, rows, width)
    for suffix in (".png", ".tif"):
        tracemalloc.start()
        write_rows((block for _ in range(count)), rows * count, width, 3, tmp_path / f"p{suffix}", Picture(block))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < rows * count * width * 3, "less than the picture in 8 bits"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_source_that_fails_leaves_no_file_and_speaks_for_itself(tmp_path, suffix):
    def blocks():
        yield torch.rand(1, 3, 8, 16)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        write_rows(blocks(), 64, 16, 3, tmp_path / f"p{suffix}", Picture(torch.empty(0)))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained(tmp_path, monkeypatch):
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("brushwork.core.pictures.write.write_png", full)
    with pytest.raises(BrushworkError, match=r"cannot be written[\s\S]*No space left"):
        write_rows(iter([torch.rand(1, 3, 8, 16)]), 8, 16, 3, tmp_path / "p.png", Picture(torch.empty(0)))
    assert not list(tmp_path.iterdir())


def test_light_is_not_written_by_rows(tmp_path):
    with pytest.raises(ConfigError, match="exr"):
        write_rows(iter([]), 8, 16, 3, tmp_path / "p.exr", Picture(torch.empty(0)))
