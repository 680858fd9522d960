"""`brushwork stylize`: which model, which style, which files, and what a bad picture does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.cli.main import main
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.inference import Stylizer
from brushwork.core.pictures import Picture, read_picture, write_picture
from PIL import Image


def eight_bit(image):
    return (image * 255).round() / 255


def expected(model, photo, style=None, strength=1.0, **options):
    stylizer = Stylizer(load_checkpoint(model), "cpu", "exact")
    return eight_bit(stylizer(read_picture(photo).image, style, strength, **options))


def stylize(*arguments) -> int:
    return main(["stylize", *map(str, arguments), "--device", "cpu"])


@pytest.mark.parametrize(
    ("arguments", "style"),
    [
        ([], None),
        (["--style", "ocelot"], "ocelot"),
        (["--style", "1"], 1),
        (["--style=-1"], -1),
        (["--mix", "zebra=1", "ocelot=3"], {"zebra": 1, "ocelot": 3}),
        (["--mix", "0=1", "ocelot=0.5"], {"zebra": 1, "ocelot": 0.5}),
    ],
)
def test_the_picture_is_the_stylizers(model, photo, tmp_path, arguments, style):
    out = tmp_path / "out.png"
    assert stylize(photo, "-o", out, "--model", model, *arguments) == 0
    assert torch.allclose(read_picture(out).image, expected(model, photo, style), atol=1.1 / 255)


def test_options_reach_the_stylizer(model, photo, tmp_path):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))).save(mask)
    out = tmp_path / "out.png"
    options = ["--strength", "0.6", "--preserve-color", "coral", "--mask", mask]
    assert stylize(photo, "-o", out, "--model", model, *options) == 0
    soft = torch.linspace(0, 255, 30).to(torch.uint8).float() / 255
    wanted = expected(model, photo, None, 0.6, preserve_color="coral", mask=soft.expand(20, 30))
    assert torch.allclose(read_picture(out).image, wanted, atol=1.1 / 255)


def test_strength_zero_is_the_photo(model, photo, tmp_path):
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model, "--strength", 0) == 0
    assert torch.equal(read_picture(tmp_path / "out.png").image, read_picture(photo).image)


def test_a_checkpoint_as_style_is_its_first_style(model, photo, tmp_path):
    assert stylize(photo, "-o", tmp_path / "out.png", "--style", model) == 0
    wanted = expected(model, photo, "zebra")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_name_alone_finds_the_style_in_the_models_folder(model, photo, tmp_path, monkeypatch, how):
    (model.parent / "damaged.safetensors").write_bytes(b"nonsense")
    where = ["--models-dir", model.parent] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("BRUSHWORK_MODELS", str(model.parent))
    assert stylize(photo, "-o", tmp_path / "out.png", "--style", "ocelot", *where) == 0
    wanted = expected(model, photo, "ocelot")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)


def test_a_painting_without_its_stroke_size_is_its_largest_strokes(pack, sizes, photo, tmp_path):
    for style, full in (("lynx", "lynx--large"), ("lynx--small", "lynx--small"), ("ibis", "ibis--small")):
        out = tmp_path / f"{style}.png"
        assert stylize(photo, "-o", out, "--models-dir", sizes.parent, "--style", style) == 0
        assert torch.allclose(read_picture(out).image, expected(sizes, photo, full), atol=1.1 / 255)


@pytest.mark.parametrize("arguments", [["--style", "okapi"], ["--mix", "okapi=2"], ["--model", "starter", "--style=1"]])
def test_bundled_models_are_found_by_style_and_by_id(pack, photo, tmp_path, arguments):
    assert stylize(photo, "-o", tmp_path / "out.png", *arguments) == 0
    wanted = expected(pack / "weights" / "starter.safetensors", photo, "okapi")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)


def test_without_any_choice_the_first_bundled_style_paints(pack, photo, tmp_path):
    assert stylize(photo, "-o", tmp_path / "out.png") == 0
    wanted = expected(pack / "weights" / "starter.safetensors", photo, "tapir")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)


def test_a_style_picture_without_a_bundled_any_style_model_is_explained(pack, photo, tmp_path, capsys):
    assert stylize(photo, "-o", tmp_path / "out.png", "--style", photo) == 2
    assert "style of a picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--style", "unicorn"], "tapir, okapi"),
        (["--style", "9"], "no such style"),
        (["--mix", "tapir"], "NAME=WEIGHT"),
        (["--mix", "tapir=-1"], "NAME=WEIGHT"),
        (["--mix", "tapir=0"], "weight above 0"),
        (["--mix", "tapir=1", "--style", "okapi"], "exclude each other"),
        (["--model", "no-such-model"], "no-such-model"),
        (["--strength", "1.5"], "strength"),
        (["--strength", "nan"], "strength"),
        (["--mask", "gone.png"], "gone.png"),
        (["--quality", "0"], "quality"),
    ],
)
def test_wrong_choices_are_explained_and_leave_nothing(pack, photo, tmp_path, capsys, arguments, said):
    out = tmp_path / "made" / "out.jpg"
    assert stylize(photo, "-o", out, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not out.exists()


def test_folders_keep_their_structure_and_names(model, photo, tmp_path):
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    shutil.copy(photo, source / "a.png")
    Image.open(photo).convert("P").save(source / "sub" / "b.gif")
    out = tmp_path / "out"
    assert stylize(source, "-o", out, "--model", model) == 0
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == ["a.png", "sub/b.png"]


def test_a_folder_inside_the_input_is_not_painted_again(model, photo, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(photo, source / "a.png")
    for _ in range(2):
        assert stylize(source, "-o", source / "out", "--model", model) == 0
    assert sorted(p.relative_to(source).as_posix() for p in source.rglob("*.png")) == ["a.png", "out/a.png"]


def test_a_bad_picture_does_not_stop_the_rest(model, photo, tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jpg").write_bytes(b"")
    (source / "b.png").write_bytes(photo.read_bytes()[:200])
    shutil.copy(photo, source / "c.png")
    out = tmp_path / "out"
    assert stylize(source, "-o", out, "--model", model) == 2
    assert [p.name for p in out.iterdir()] == ["c.png"]
    streams = capsys.readouterr()
    assert streams.err.count("a.jpg") == 1
    assert streams.err.count("b.png") == 1
    assert "2 of 3" in streams.err
    assert streams.out.split() == [str(out / "c.png")]


def test_interrupting_keeps_finished_files_and_no_partial_one(model, photo, tmp_path, monkeypatch):
    source = tmp_path / "in"
    source.mkdir()
    for name in "abc":
        shutil.copy(photo, source / f"{name}.png")
    calls = []
    paint = Stylizer.__call__

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return paint(self, *args, **kwargs)

    monkeypatch.setattr(Stylizer, "__call__", interrupted)
    assert stylize(source, "-o", tmp_path / "out", "--model", model) == 130
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_no_overwrite_skips_and_inputs_are_never_replaced(model, photo, tmp_path, capsys):
    out = tmp_path / "out.png"
    out.write_text("mine")
    assert stylize(photo, "-o", out, "--model", model, "--no-overwrite") == 0
    assert out.read_text() == "mine"
    assert stylize(photo, "-o", out, "--model", model) == 0
    assert read_picture(out).image.shape[-2:] == (20, 30)
    before = photo.read_bytes()
    assert stylize(photo, "-o", photo, "--model", model) == 2
    assert stylize(photo, "-o", photo.parent, "--model", model) == 2
    assert "one of the inputs" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_places_that_cannot_be_are_explained(model, photo, tmp_path, capsys):
    other = tmp_path / "other" / "photo.png"
    other.parent.mkdir()
    shutil.copy(photo, other)
    assert stylize(photo, other, "-o", tmp_path / "one.png", "--model", model) == 2
    assert "2 pictures" in capsys.readouterr().err
    assert stylize(photo, other, "-o", tmp_path / "out", "--model", model) == 2
    assert "one file" in capsys.readouterr().err
    assert stylize(photo, "-o", tmp_path / "one.bmp", "--model", model) == 2
    assert ".webp" in capsys.readouterr().err
    assert stylize(tmp_path / "*.bmp", "-o", tmp_path / "out", "--model", model) == 2
    assert "*.bmp" in capsys.readouterr().err


def test_sixteen_bits_alpha_and_profile_go_through(model, tmp_path):
    image = torch.rand(1, 4, 20, 30)
    image = (image * 65535).round() / 65535
    profile = b"\0" * 16 + b"RGB " + b"\0" * 108
    deep = write_picture(Picture(image, 16, profile), tmp_path / "deep.tif")
    assert stylize(deep, "-o", tmp_path / "out.tif", "--model", model) == 0
    back = read_picture(tmp_path / "out.tif")
    assert back.bit_depth == 16
    assert back.icc_profile == profile
    assert torch.equal(back.image[:, 3], image[:, 3])
    wanted = Stylizer(load_checkpoint(model), "cpu")(image)
    assert torch.allclose(back.image, wanted, atol=2 / 65535)


def test_size_scales_down_only(model, photo, tmp_path):
    out = tmp_path / "out.png"
    assert stylize(photo, "-o", out, "--model", model, "--size", 15) == 0
    assert read_picture(out).image.shape[-2:] == (10, 15)
    assert stylize(photo, "-o", out, "--model", model, "--size", 500) == 0
    assert read_picture(out).image.shape[-2:] == (20, 30)
    assert stylize(photo, "-o", out, "--model", model, "--size", 0) == 2


def test_too_little_memory_is_explained(model, photo, tmp_path, monkeypatch, capsys):
    def full(self, *args, **kwargs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Stylizer, "__call__", full)
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model) == 2
    assert "--size 15" in capsys.readouterr().err


def test_other_faults_are_ours(model, photo, tmp_path, monkeypatch, capsys):
    def broken(self, *args, **kwargs):
        raise RuntimeError("shapes")

    monkeypatch.setattr(Stylizer, "__call__", broken)
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model) == 1
    assert "fault of Brushwork" in capsys.readouterr().err


def test_real_checkpoints_paint_by_path_alone(shared, tmp_path):
    sample = Path(__file__).resolve().parent.parent.parent / "assets" / "samples" / "chelsea.jpg"
    checkpoint = next((shared / "checkpoints" / "transformer_net").glob("candy_nc8*.model"))
    assert stylize(sample, "-o", tmp_path / "out.png", "--style", checkpoint, "--size", 96) == 0
    assert read_picture(tmp_path / "out.png").image.std() > 0.1


def test_large_pictures_go_through_by_rows_and_look_the_same(model, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("brushwork.core.inference.stream_file.LARGE_PIXELS", 100)
    whole = []
    monkeypatch.setattr(Stylizer, "__call__", lambda self, *args, **options: whole.append(1))
    options = ["--strength", "0.6", "--preserve-color", "coral"]
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model, *options) == 0
    assert not whole
    monkeypatch.undo()
    wanted = expected(model, photo, None, 0.6, preserve_color="coral")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)
    assert not capsys.readouterr().err


def test_what_does_not_go_by_rows_is_painted_as_a_whole_and_says_why(model, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("brushwork.core.inference.stream_file.LARGE_PIXELS", 100)
    assert stylize(photo, "-o", tmp_path / "out.png", "--model", model, "--preserve-color", "histogram") == 0
    assert "as a whole, not by rows: the colour mode `histogram`" in capsys.readouterr().err
    wanted = expected(model, photo, preserve_color="histogram")
    assert torch.allclose(read_picture(tmp_path / "out.png").image, wanted, atol=1.1 / 255)


def test_several_pictures_keep_their_order(model, photo, tmp_path, capsys):
    names = [f"{index}.png" for index in range(6)]
    for index, name in enumerate(names):
        Image.open(photo).rotate(90 * index).save(tmp_path / name)
    assert stylize(*(tmp_path / name for name in names), "-o", tmp_path / "out", "--model", model) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == names
    for name in names:
        wanted = expected(model, tmp_path / name)
        assert torch.allclose(read_picture(tmp_path / "out" / name).image, wanted, atol=1.1 / 255)
