"""Painting by rows against `Stylizer` on whole tensors: every option, every kind of file, and no seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.errors import BrushworkError
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.engine import rows as engine_rows
from brushwork.core.inference.engine.store import Extended, FileRows, MemoryRows
from brushwork.core.inference.finish import BY_ROWS
from brushwork.core.inference.stream import Painting, Stream
from brushwork.core.inference.stream_file import is_large, stream_file
from brushwork.core.masks import resize_mask, resize_mask_rows
from brushwork.core.pictures import Picture, read_picture, write_picture
from brushwork.core.pictures.rows import read_rows
from brushwork.core.pictures.write import encoder_bytes

RAMP = torch.linspace(0, 1, 23).expand(17, 23)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Blocks of a few rows, so that pictures of a test have many."""
    monkeypatch.setattr(engine_rows, "BLOCK_BYTES", 3000)
    monkeypatch.setattr(engine_rows, "FEWEST_ROWS", 4)


def by_rows(stylizer: Stylizer, photo: torch.Tensor, painting: Painting) -> torch.Tensor:
    size = photo.shape[-2:]
    stream = Stream(stylizer, *size, painting)
    assert not stream.whole
    kept = MemoryRows(engine_rows.empty_rows(3, *size, torch.float32, photo.device))
    blocks = list(stream.rows(MemoryRows(photo), stylizer.painter.plans(*size), lambda: kept))
    assert len(blocks) > 1
    return torch.cat(blocks, 2)


def whole(stylizer: Stylizer, photo: torch.Tensor, painting: Painting) -> torch.Tensor:
    return stylizer(
        photo,
        painting.style,
        painting.strength,
        mask=painting.mask,
        preserve_color=painting.preserve_color,
        controls=painting.controls,
    )


@pytest.mark.parametrize("size", [(150, 41), (97, 120)])
@pytest.mark.parametrize(
    "painting",
    [
        Painting("waves"),
        Painting({"waves": 1, "dots": 2}, 0.6),
        Painting("dots", 0.3, preserve_color="coral"),
        Painting("dots", 0.0),
        Painting(None, 1.0, RAMP),
        Painting(None, 1.0, torch.ones(5, 5)),
        Painting(None, 0.7, RAMP, "lab", Controls(color_amount=0.4)),
        Painting("waves", controls=Controls(coarse_strength=0.5, fine_strength=0.5)),
        *(Painting("waves", preserve_color=mode) for mode in BY_ROWS),
        *(
            Painting("waves", preserve_color=mode, controls=Controls(palette=torch.rand(1, 3, 9, 13).square()))
            for mode in ("coral", "lab")
        ),
    ],
)
def test_the_picture_is_the_stylizers(conditional, painting, size):
    stylizer = Stylizer(conditional, "cpu")
    photo = torch.rand(1, 4, *size)
    found, wanted = by_rows(stylizer, photo, painting), whole(stylizer, photo, painting)
    assert (found - wanted).abs().max() < 1e-4
    assert torch.equal(found[:, 3], photo[:, 3])


def test_nothing_after_the_network_is_bit_identical(conditional):
    stylizer, photo = Stylizer(conditional, "cpu"), torch.rand(1, 3, 150, 41)
    assert torch.equal(by_rows(stylizer, photo, Painting("dots")), whole(stylizer, photo, Painting("dots")))


@pytest.mark.parametrize(
    ("controls", "mode", "said"),
    [
        (Controls(encoding="linear"), "none", "linear"),
        (Controls(wrap="x"), "none", "wrap"),
        (Controls(fine_strength=0.5), "none", "tones and strokes"),
        (Controls(stroke_size=2), "none", "strokes"),
        (Controls(), "histogram", "histogram"),
        (Controls(), "palette", "palette"),
    ],
)
def test_what_needs_the_whole_picture_is_said(fixed, controls, mode, said):
    assert said in Stream(Stylizer(fixed, "cpu"), 40, 40, Painting(preserve_color=mode, controls=controls)).whole


def test_a_network_without_the_engine_paints_as_a_whole(any_style):
    assert "network" in Stream(Stylizer(any_style, "cpu"), 40, 40, Painting(torch.rand(1, 3, 9, 9))).whole


@pytest.mark.parametrize("own", [(17, 23), (300, 7), (40, 60), (1, 1)])
@pytest.mark.parametrize("step", [1, 7, 40])
def test_rows_of_a_resized_mask(own, step):
    mask = torch.rand(2, 3, *own)
    wanted = resize_mask(mask, 40, 60)
    rows = [resize_mask_rows(mask, (40, 60), first, min(first + step, 40)) for first in range(0, 40, step)]
    assert (torch.cat(rows, 2) - wanted).abs().max() < 1e-5


def test_extended_rows_are_the_replicated_picture():
    picture = torch.rand(1, 3, 5, 7)
    wanted = torch.nn.functional.pad(picture, (0, 4, 0, 6), mode="replicate")
    extended = Extended(MemoryRows(picture), 11, 11)
    for first in range(11):
        for count in range(1, 12 - first):
            assert torch.equal(extended.read(first, count), wanted[:, :, first : first + count])


FILES = [(".png", 8, 3), (".png", 16, 4), (".tif", 16, 3), (".tif", 8, 4), (".webp", 8, 4), (".jpg", 8, 3)]


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("size", [(75, 53), (9, 3)])
@pytest.mark.parametrize(("suffix", "depth", "channels"), FILES)
def test_from_file_to_file(conditional, tmp_path, monkeypatch, suffix, depth, channels, size, bounded):
    """With a bound so small that photo, painting and layers lie in files, and without."""
    monkeypatch.setattr("brushwork.core.inference.stream_file.scratch_folder", lambda: tmp_path)
    monkeypatch.setattr("brushwork.core.inference.painter.WORKING_BYTES", 0)
    made: list[int] = []
    monkeypatch.setattr(
        "brushwork.core.inference.stream_file.FileRows", lambda *args: made.append(1) or FileRows(*args)
    )
    profile = b"\0" * 16 + b"RGB " + b"\0" * 108
    source = write_picture(Picture(torch.rand(1, channels, *size), depth, profile), tmp_path / f"photo{suffix}")
    painting = Painting("dots", 0.8, RAMP)
    stylizer = Stylizer(conditional, "cpu")
    if bounded:
        code = Stream(stylizer, *size, painting).code
        least = stylizer.painter.working_bytes(*size, code) + encoder_bytes(f"out{suffix}", *size, quality=100)
        stylizer = Stylizer(conditional, "cpu", max_memory=max(least, read_rows(source).decoding))
    photo = read_picture(source)
    wanted = write_picture(
        replace(photo, image=whole(stylizer, photo.image, painting)), tmp_path / f"wanted{suffix}", quality=100
    )
    seen: list[float] = []
    target = tmp_path / f"out{suffix}"
    assert not stream_file(stylizer, source, target, painting, quality=100, on_strip=seen.append)
    found, wanted = read_picture(target), read_picture(wanted)
    top = 65535 if depth == 16 else 255
    tolerance = 8 / 255 if suffix == ".jpg" else 1.01 / top  # a level flips the DCT's rounding
    assert (found.image - wanted.image).abs().max() <= tolerance
    assert (found.bit_depth, found.icc_profile) == (depth, profile)
    assert len(made) == 2 * bounded  # photo and painting
    assert seen[0] == 0
    assert seen[-1] == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "brushwork-"))]


def test_scratch_files_are_read_and_written_not_mapped(tmp_path):
    store = FileRows(tmp_path, 3, 8, 16, torch.uint16)
    rows = torch.arange(3 * 8 * 16, dtype=torch.int32).to(torch.uint16).view(1, 3, 8, 16)
    store.write(2, rows[:, :, 2:5])
    assert torch.equal(store.read(3, 2).int(), rows[:, :, 3:5].int())
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(tmp_path) not in maps.read_text()


def test_too_little_disk_is_said_before_work_begins(fixed, tmp_path, monkeypatch):
    source = write_picture(torch.rand(1, 3, 64, 64), tmp_path / "photo.png")
    monkeypatch.setattr("brushwork.core.inference.stream_file.free_disk_bytes", lambda folder: 1000)
    called: list[float] = []
    with pytest.raises(BrushworkError, match=r"64×64[\s\S]*expected[\s\S]*got[\s\S]*do: ") as caught:
        stream_file(Stylizer(fixed, "cpu"), source, tmp_path / "new" / "out.png", Painting(), on_strip=called.append)
    assert "0.0 GiB" in str(caught.value)
    assert not called
    assert not (tmp_path / "new").exists()


def test_an_interrupted_run_leaves_nothing(fixed, tmp_path):
    source = write_picture(torch.rand(1, 3, 64, 64), tmp_path / "photo.png")

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_file(Stylizer(fixed, "cpu"), source, tmp_path / "out.png", Painting(), on_strip=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_large_is_a_matter_of_pixels_and_of_memory(fixed, tmp_path):
    path = write_picture(torch.rand(1, 3, 64, 64), tmp_path / "photo.png")
    assert not is_large(path, Stylizer(fixed, "cpu"))
    assert is_large(path, Stylizer(fixed, "cpu", max_memory=64 * 64 * 50))
    assert not is_large(tmp_path / "none.png", Stylizer(fixed, "cpu"))


def test_no_seam_where_blocks_meet(fixed):
    """A photo of vertical stripes is painted the same in all rows, but for the stride: any seam would stand out."""
    photo = torch.rand(1, 3, 1, 300).expand(1, 3, 256, 300).contiguous()
    stylizer = Stylizer(fixed, "cpu")
    stream = Stream(stylizer, 256, 300, Painting(preserve_color="coral"))
    kept = MemoryRows(engine_rows.empty_rows(3, 256, 300, torch.float32, photo.device))
    blocks = list(stream.rows(MemoryRows(photo), stylizer.painter.plans(256, 300), lambda: kept))
    assert len(blocks) > 8

    def steps(painting: torch.Tensor) -> float:
        inner = painting[:, :, 40:-40]  # upper and lower border are seen that far
        return float((inner[:, :, 4:] - inner[:, :, :-4]).abs().max())

    painting = torch.cat(blocks, 2)
    assert painting.std() > 0.05
    assert steps(painting) < 1e-5
    assert steps(torch.cat([block + 0.1 / 255 * (index % 2) for index, block in enumerate(blocks)], 2)) > 1e-4


@pytest.mark.parametrize("name", ["fixed", "conditional"])
@pytest.mark.parametrize(
    "options",
    [
        {"style": [StyleLayer(0, 1.0, RAMP)], "mask": 1 - RAMP},
        {"style": [StyleLayer(0, 1.0, RAMP), StyleLayer(0, 0.5, RAMP.flip(1))]},
        {"strength": 0.8, "controls": Controls(strength_map=RAMP)},
        {"strength": 0.8, "controls": Controls(strength_map=RAMP), "preserve_color": "coral"},
    ],
)
def test_masks_of_styles_and_strength_by_place(name, options, request):
    stylizer, photo = Stylizer(request.getfixturevalue(name), "cpu"), torch.rand(1, 3, 150, 41)
    painting = Painting(**options)
    assert (by_rows(stylizer, photo, painting) - whole(stylizer, photo, painting)).abs().max() < 1e-4
