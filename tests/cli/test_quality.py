"""`brushwork measure`, `reconstruct` and `grid` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from brushwork.cli.main import main
from PIL import Image

ENCODER = str(Path(__file__).resolve().parents[2] / "weights" / "compact-encoder.safetensors")


def save(path: Path, seed: int, size=(48, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_folders_pair_up_by_name(tmp_path, capsys):
    for seed, name in enumerate("ba"):
        save(tmp_path / "photos" / f"{name}.png", seed)
    for seed, name in enumerate("ab"):
        save(tmp_path / "painted" / f"{name}.jpg", 1 - seed)
    style = save(tmp_path / "style.png", 7)
    command = ["measure", str(tmp_path / "painted"), "--photo", str(tmp_path / "photos"), "--style", str(style)]
    command += ["--encoder", ENCODER, "--film", "--plot", str(tmp_path / "plot.png")]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["paintings"]) == ["a.jpg", "b.jpg"]
    # each painting is its photo but for JPEG: paired with the other one content and SSIM would be far off
    assert all(one["ssim"] > 0.9 and one["content"] < 0.2 for one in found["paintings"].values())
    assert found["mean"]["style"] == pytest.approx(1, abs=0.2)
    assert "flicker" in found
    assert size_of(tmp_path / "plot.png")[0] == 900
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[3].startswith("mean")


def test_pictures_of_one_pixel(tmp_path, capsys):
    photo, style = save(tmp_path / "a.png", 1, size=(1, 1)), save(tmp_path / "b.png", 2, size=(1, 1))
    for name in "xy":
        save(tmp_path / "painted" / f"{name}.png", 3, size=(1, 1))
    command = ["measure", str(tmp_path / "painted"), "--photo", str(photo), "--style", str(style), "--film"]
    assert main([*command, "--encoder", ENCODER, "--plot", str(tmp_path / "plot.png")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:] == ["–", "–", "–"]
    out = tmp_path / "out.png"
    assert main(["reconstruct", str(photo), "-o", str(out), "--steps", "2", "--encoder", ENCODER]) == 0
    assert size_of(out) == (1, 1)


def test_paintings_without_their_photos(tmp_path, capsys):
    painted = [str(save(tmp_path / f"{name}.png", 1)) for name in "abc"]
    photos = [str(save(tmp_path / f"p{name}.png", 1)) for name in "ab"]
    assert main(["measure", *painted, "--photo", *photos, "--style", painted[0]]) == 2
    assert "do not pair up" in capsys.readouterr().err


def test_reconstruct_a_layer(tmp_path, capsys):
    picture, out = save(tmp_path / "a.png", 1), tmp_path / "out.png"
    command = ["reconstruct", str(picture), "--layer", "relu1_1", "-o", str(out), "--steps", "8", "--encoder", ENCODER]
    assert main(command) == 0
    assert "feature" in capsys.readouterr().out
    assert size_of(out) == (48, 40)
    assert main([*command, "--each", "--layer", "relu1_1", "relu2_1", "--size", "32"]) == 0
    assert size_of(out)[0] > 3 * 32


def test_results_without_a_name_lie_here_and_are_told_apart(tmp_path, monkeypatch, capsys):
    picture, style = save(tmp_path / "in" / "cat.jpg", 1), save(tmp_path / "in" / "wave.jpg", 2)
    monkeypatch.chdir(tmp_path)
    rest = ["--steps", "1", "--encoder", ENCODER]
    for options in ([], ["--as", "style"], ["--layer", "relu1_1", "relu2_1"], ["--each"]):
        assert main(["reconstruct", str(picture), *options, *rest]) == 0
    assert main(["reconstruct", "--photo", str(picture), "--style", str(style), *rest]) == 0
    names = ["cat-relu3_3-feature", "cat-relu3_3-style", "cat-relu1_1-relu2_1-feature", "cat-each-relu3_3-feature"]
    expected = [f"{name}.png" for name in [*names, "cat-as-wave"]]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(expected)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == expected


def test_reconstruct_the_best_painting(tmp_path, capsys):
    photo, style = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2)
    command = ["reconstruct", "--photo", str(photo), "--style", str(style), "-o", str(tmp_path / "out.png")]
    assert main([*command, "--steps", "4", "--encoder", ENCODER]) == 0
    assert "at content" in capsys.readouterr().out
    assert main(["reconstruct", "--photo", str(photo), "-o", str(tmp_path / "x.png")]) == 2
    assert "not clear" in capsys.readouterr().err


def test_an_interrupted_reconstruction_is_kept(tmp_path, monkeypatch, capsys):
    from brushwork.cli import reconstruct as command

    class Impatient(command._Watch):
        def __call__(self, done, total, picture):
            super().__call__(done, total, picture)
            if done == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(command, "_Watch", Impatient)
    out = tmp_path / "out.png"
    assert main(["reconstruct", str(save(tmp_path / "a.png", 1)), "-o", str(out), "--encoder", ENCODER]) == 130
    assert size_of(out) == (48, 40)


def test_grid_of_all_styles_and_of_some(model, photo, tmp_path, capsys):
    out = tmp_path / "grid.png"
    command = ["grid", str(photo), "-o", str(out), "--model", str(model), "--cell", "32"]
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == str(out)
    whole = size_of(out)
    assert main([*command, "--style", "0", "--strength", "0.5", "1"]) == 0
    some = size_of(out)
    assert whole[0] - some[0] == 32 + 6  # zebra, ocelot and not the identity, against zebra alone
    assert whole[1] - some[1] == 2 * (32 + 6)
    assert main([*command, "--style", "0", "--strength", "0.5", "--stroke-size", "0.5", "1", "2"]) == 0
    assert size_of(out)[1] - some[1] == 32 + 6
    assert main([*command, "--strength", "2"]) == 2
    assert main([*command, "--strength", "0.5", "1", "--stroke-size", "2"]) == 2
