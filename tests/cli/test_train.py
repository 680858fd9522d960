"""`brushwork train` on tiny pictures: what lies beside the model at the end."""

from __future__ import annotations

from pathlib import Path

import torch
from brushwork.cli.main import DONE, main
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints.encoder import save_encoder
from PIL import Image


def test_a_run_leaves_model_log_preview_and_loss_curve(tmp_path: Path, capsys) -> None:
    encoder = VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7, 7), (8,)), "reflect"))
    for parameter in encoder.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    save_encoder(encoder, tmp_path / "encoder.safetensors", title="", license_id="MIT", provenance={})
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.effect_noise((90, 80), 60).save(photos / "one.png")
    Image.linear_gradient("L").save(tmp_path / "ramp.png")
    out = tmp_path / "ramp.safetensors"
    options = ["--photos", photos, "-o", out, "--steps", 3, "--size", 64, "--batch", 1, "--style-size", 64]
    options += ["--encoder", tmp_path / "encoder.safetensors", "--widths", 4, 6, 8, "--blocks", 1, "--float32"]
    options += ["--style", tmp_path / "ramp.png", "--preview", photos / "one.png", "--device", "cpu"]
    assert main(["train", "in", *map(str, options)]) == DONE
    assert capsys.readouterr().out.strip() == str(out)
    assert out.exists()
    assert len(out.with_suffix(".log.jsonl").read_text(encoding="utf-8").splitlines()) == 3
    for name in ("preview.png", "curve.png", "sheet.jpg"):
        with Image.open(out.with_suffix(f".{name}")) as picture:
            assert picture.mode == "RGB"
            assert max(high - low for low, high in picture.getextrema()) > 50


def test_training_needs_nothing_but_a_picture_and_photos(tmp_path: Path, monkeypatch) -> None:
    """The bundled encoder is the default, and is found without the network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Image.effect_noise((90, 80), 60).save(tmp_path / "photo.png")
    out = tmp_path / "noise.safetensors"
    options = ["--style", tmp_path / "photo.png", "--photos", tmp_path, "-o", out, "--steps", 1, "--size", 64]
    options += ["--batch", 1, "--style-size", 64, "--widths", 4, 6, 8, "--blocks", 1, "--device", "cpu"]
    assert main(["train", "in", *map(str, options)]) == DONE
    assert out.exists()
