"""The training nodes on a stand-in host, with tiny pictures: files, previews, cancel and resume, refusals."""

from __future__ import annotations

import gc
import importlib
import json
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.encoder import save_encoder
from brushwork.core.errors import BrushworkError, ConfigError, StyleError, TrainingError
from PIL import Image

SHARED = {
    "photo_folder": "", "filename": "mine/new", "minutes": 5.0, "steps": 3, "strength": 1.0, "stroke_size": 0.25,
    "encoder": "encoder.safetensors", "resume": False, "learning_rate": 1e-3, "crop_size": 64, "batch": 1,
    "statistic": "gram", "content": "perceptual", "tv_weight": 0.0, "training_seed": 0,
}  # fmt: skip
TRAIN = {"style_names": "", "style_folder": "", "network": "tiny 8-16-32", "upsampling": "nearest"}


def striped(period: int, batch: int = 1) -> torch.Tensor:
    """IMAGE (batch, 72, 80, 3) of stripes."""
    image = torch.zeros(batch, 72, 80, 3)
    image[:, ::period] = torch.tensor([0.9, 0.7, 0.1])
    return image


@pytest.fixture
def photos() -> torch.Tensor:
    return torch.rand(3, 70, 90, 3)


@pytest.fixture
def encoder(host) -> Path:
    """A VGG with all five stages, random and tiny."""
    network = VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7, 7), (8,)), "reflect"))
    for parameter in network.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    path = host.models / "encoder.safetensors"
    return save_encoder(network, path, title="", license_id="MIT", provenance={})


@pytest.fixture
def train(node, encoder: Path):
    """Widget values that differ from the defaults above → outputs of Train Style Model, run as ComfyUI runs nodes."""

    def run(styles=None, photos=None, method: str = "in", **widgets):
        styles = {"style_image0": striped(5)} if styles is None else styles
        with torch.inference_mode():
            values = {**SHARED, **TRAIN, "method": method, **widgets}
            return node("train_style_model", "TrainStyleModel").execute(styles, photos=photos, **values)

    return run


@pytest.fixture
def add(node, encoder: Path):
    def run(model, photos, **widgets):
        with torch.inference_mode():
            values = {"style_name": "", **SHARED, **widgets}
            return node("add_style", "AddStyle").execute(model, striped(3), photos=photos, **values)

    return run


def test_a_painting_becomes_a_model_that_is_listed(train, photos, host) -> None:
    model, preview, curve, filename = train(photos=photos).args
    assert filename == "mine/new.safetensors"
    assert model.model.spec.style_names == ("new",)
    assert model.model.spec.provenance["steps"] == 3
    assert preview.shape == (1, 128, 2 * 82, 3)  # two photos, a row each: photo and painting, 64 px high
    assert curve.shape == (1, 500, 900, 3)
    library = importlib.import_module("brushwork.nodes._library")
    assert filename in library.model_choices()
    assert host.messages == ["brushwork.models_changed"]
    assert host.steps[-1] == (3, 3)
    assert host.previews
    assert any("style" in text and "left" in text for text in host.texts)
    assert host.texts[-1] == "saved as mine/new.safetensors"
    assert not list((host.models.parents[1] / "temp").iterdir())


def test_a_run_starts_from_a_wired_model(train, photos) -> None:
    first = train(photos=photos, filename="first")[0]
    second = train(photos=photos, filename="second", start_from=first, steps=1, learning_rate=1e-9)[0]
    before, after = first.model.network.state_dict(), second.model.network.state_dict()
    assert all(torch.allclose(after[name], tensor, atol=1e-3) for name, tensor in before.items())
    assert second.model.spec.provenance["start_from"] == "first.safetensors"
    with pytest.raises(TrainingError, match="cannot start from"):
        train(photos=photos, filename="third", start_from=first, upsampling="bilinear")


def test_the_pictures_reach_the_trainer_unchanged(train, photos, monkeypatch, host) -> None:
    """Independent truth: 8-bit pictures come back from the files bit for bit, in the order of the batch."""
    exact = (photos * 255).round() / 255
    seen = []

    def look(args) -> None:
        seen.extend(np.array(Image.open(path)) for path in sorted(args.photos.iterdir()))
        seen.append(args)
        raise BrushworkError("enough")

    monkeypatch.setattr("brushwork.trainers.methods.make_task", look)
    with pytest.raises(BrushworkError, match="enough"):
        train(photos=exact, strength=1.5, stroke_size=2.0, network="full 32-64-128", training_seed=7)
    *pictures, args = seen
    for picture, photo in zip(pictures, exact, strict=True):
        assert np.array_equal(picture, (photo.numpy() * 255).round())
    assert args.content_target == pytest.approx(1.05)
    assert (args.style_size_px, args.size_px, args.widths, args.seed) == (512, 64, (32, 64, 128), 7)
    assert (args.steps, args.minutes) == (3, None)


def test_several_paintings_of_different_sizes_are_named(train, photos) -> None:
    styles = {"style_image0": striped(5, batch=2), "style_image1": striped(3)[:, :40], "style_image2": None}
    model, preview, *_ = train(styles, photos, method="cin", style_names="wave, night,iris").args
    assert model.model.spec.style_names == ("wave", "night", "iris", "identity")
    assert preview.shape[2] == 4 * 82
    numbered = train(styles, photos, method="cin")[0]
    assert numbered.model.spec.style_names == ("new-1", "new-2", "new-3", "identity")


@pytest.mark.parametrize("method", ["vanilla", "comatch", "adain"])
def test_the_other_methods(train, photos, host, method: str) -> None:
    folder = host.models.parents[1] / "input" / "paintings"
    folder.mkdir(parents=True)
    Image.new("RGB", (80, 80), (200, 20, 20)).save(folder / "red.png")
    more = {} if method == "vanilla" else {"style_folder": "paintings"}
    model, preview, _, filename = train(photos=photos, method=method, steps=2, **more).args
    assert (host.models / filename).exists()
    assert preview.shape[1] == 128
    assert torch.isfinite(preview).all()
    assert model.model.style_kind == ("fixed" if method == "vanilla" else "image")


def test_photos_from_a_folder_bad_ones_among_them(train, host) -> None:
    folder = host.models.parents[1] / "input" / "holiday" / "2024"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"")
    Image.new("RGB", (90, 90), (20, 90, 200)).save(folder / "b.png")
    preview = train(photo_folder="holiday")[1]
    assert preview.shape[1] == 64
    assert train(photo_folder=str(folder))[3] == "mine/new_00001.safetensors"


def test_cancel_keeps_the_file_and_resume_goes_on(train, photos, host, interrupted) -> None:
    host.interrupt_after = 2
    with pytest.raises(interrupted):
        train(photos=photos, steps=300)
    path = host.models / "mine" / "new.safetensors"
    stopped = load_checkpoint(path).spec.provenance["steps"]
    assert 0 < stopped < 300
    assert host.messages == ["brushwork.models_changed"]
    assert "resume" in host.texts[-1]
    host.interrupt_after = None
    model, _, _, filename = train(photos=photos, steps=stopped + 2, resume=True).args
    assert filename == "mine/new.safetensors"
    assert model.model.spec.provenance["steps"] == stopped + 2
    log = path.with_suffix(".log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in log] == list(range(1, stopped + 3))


def test_a_finished_run_resumed_is_done_at_once_with_all_outputs(train, photos) -> None:
    first, second = train(photos=photos), train(photos=photos, resume=True)
    before, after = first[0].model.network.state_dict(), second[0].model.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert second[3] == first[3]
    assert second[1].shape == first[1].shape


def test_without_resume_no_file_is_overwritten_and_resume_takes_the_newest(train, photos, host) -> None:
    assert train(photos=photos)[3] == "mine/new.safetensors"
    before = (host.models / "mine" / "new.safetensors").read_bytes()
    assert train(photos=photos, steps=2)[3] == "mine/new_00001.safetensors"
    assert train(photos=photos, steps=4, resume=True)[3] == "mine/new_00001.safetensors"
    assert (host.models / "mine" / "new.safetensors").read_bytes() == before


def test_resume_without_an_earlier_run_starts_one(train, photos) -> None:
    assert train(photos=photos, resume=True)[0].model.spec.provenance["steps"] == 3


def test_resume_with_another_painting_is_refused(train, photos, host) -> None:
    train(photos=photos)
    before = (host.models / "mine" / "new.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="other styles"):
        train({"style_image0": striped(2)}, photos, steps=9, resume=True)
    assert (host.models / "mine" / "new.safetensors").read_bytes() == before


def test_a_style_is_added_and_the_others_stay(train, add, photos, host) -> None:
    base = train(photos=photos, method="cin", filename="base")[0]
    model, preview, _, filename = add(base, photos, filename="more", style_name="third").args
    assert filename == "more.safetensors"
    assert model.model.spec.style_names == ("base", "identity", "third")
    assert preview.shape[2] == 2 * 82  # the new style only
    photo = torch.rand(1, 3, 40, 48)
    assert torch.equal(base.model(photo, "base"), model.model(photo, "base"))
    assert add(base, photos, filename="more", style_name="third", steps=5, resume=True)[3] == "more.safetensors"


def test_a_style_is_added_to_cin_models_only_and_once(add, hosted, photos) -> None:
    with pytest.raises(StyleError, match="CIN"):
        add(hosted["fixed"], photos)
    with pytest.raises(StyleError, match="already has a style"):
        add(hosted["conditional"], photos, style_name="a")


@pytest.mark.parametrize(
    ("widgets", "message"),
    [
        ({"photos": None}, "no photos"),
        ({"photos": None, "photo_folder": "nowhere"}, "no folder"),
        ({"photos": None, "photo_folder": "../../etc"}, "no folder"),
        ({"filename": "../out"}, "cannot be its name"),
        ({"styles": {"style_image0": striped(4, batch=2)}}, "do not fit the method"),
        ({"styles": {}}, "do not fit the method"),
        ({"style_names": "a, b"}, "names do not fit"),
        ({"style_names": "a/b"}, "names do not fit"),
        ({"style_names": "identity"}, "names do not fit"),
        ({"style_folder": "x"}, "no folder of paintings"),
    ],
)
def test_wrong_input_is_explained_and_writes_nothing(train, photos, host, widgets: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(**{"photos": photos, **widgets})
    assert not list(host.models.rglob("new*"))
    assert host.messages == []


def test_an_empty_folder_is_explained(train, host) -> None:
    (host.models.parents[1] / "input" / "none").mkdir(parents=True)
    with pytest.raises(TrainingError, match="no pictures"):
        train(photo_folder="none")


@pytest.mark.parametrize("cancelled", [False, True])
def test_nothing_of_the_run_stays_in_memory(train, photos, host, interrupted, monkeypatch, cancelled: bool) -> None:
    from brushwork.trainers import methods

    made = []
    make_task = methods.make_task

    def remember(args):
        task = make_task(args)
        made.extend((weakref.ref(task.network), weakref.ref(task.loss)))
        return task

    monkeypatch.setattr(methods, "make_task", remember)
    host.interrupt_after = 1 if cancelled else None
    if cancelled:
        with pytest.raises(interrupted) as kept:  # the host keeps the error to tell of it
            train(photos=photos, steps=300)
        gc.collect()
        assert kept.value is not None
    else:
        train(photos=photos)
        gc.collect()
    assert made
    assert [reference() for reference in made] == [None, None]
    assert host.emptied


def test_too_little_memory_is_explained(train, photos, oom, monkeypatch) -> None:
    def full(args) -> None:
        raise oom("CUDA out of memory")

    monkeypatch.setattr("brushwork.trainers.methods.make_task", full)
    with pytest.raises(TrainingError, match="out of memory"):
        train(photos=photos)


def test_the_list_of_encoders(encoder, host, hosted) -> None:
    from brushwork.core.checkpoints import save_checkpoint

    library = importlib.import_module("brushwork.nodes._library")
    save_checkpoint(hosted["fixed"].model, host.models / "no-encoder.safetensors")
    (host.models / "vgg_mine.pth").write_bytes(b"x")
    (host.models / "candy.pth").write_bytes(b"x")
    choices = library.encoder_choices()
    assert {"vgg16 (hub)", "vgg19 (hub)", "encoder.safetensors", "vgg_mine.pth"} <= set(choices)
    assert not {"no-encoder.safetensors", "candy.pth"} & set(choices)
    assert library.encoder_file("encoder.safetensors", lambda *_: None) == encoder


def test_the_bundled_encoder_is_the_first_choice(host, monkeypatch) -> None:
    from brushwork.core.hub import load_manifest
    from brushwork.core.hub.manifest import BundledSource

    library = importlib.import_module("brushwork.nodes._library")
    hub = [entry for entry in load_manifest().entries if entry.id in ("vgg16", "vgg19")]
    bundled = replace(hub[0], id="compact", source=BundledSource("weights/compact-encoder.safetensors"))
    monkeypatch.setattr(library, "load_manifest", lambda: SimpleNamespace(entries=(*hub, bundled)))
    assert library.encoder_choices() == ["compact", "vgg16 (hub)", "vgg19 (hub)"]
