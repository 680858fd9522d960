"""Get, publish, folder and sample nodes on a stand-in host; what they call is tested in its own folder."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.errors import BrushworkError, ConfigError, DownloadError, ImageError, PublishError, StyleError
from brushwork.core.inference import Stylizer
from brushwork.core.pictures import read_picture
from PIL import Image

FOLDER = {
    "input_folder": "", "output_folder": "out", "strength": 1.0, "preserve_color": "none", "format": "as the photo",
    "existing": "resume", "subfolders": False, "precision": "auto",
}  # fmt: skip


@pytest.fixture
def root(host) -> Path:
    """ComfyUI's base folder, with two photos in input."""
    base = host.models.parents[1]
    for name in ("input", "output", "temp"):
        (base / name).mkdir()
    for number in range(2):
        Image.effect_noise((9 + number, 7), 80).convert("RGB").save(base / "input" / f"{number}.png")
    return base


def four_parts(error: BaseException) -> str:
    text = str(error)
    assert all(f"\n  {part}: " in text for part in ("expected", "got", "do")), text
    return text


def test_sample_photos_are_images(node, host) -> None:
    sample = node("sample_photo", "SamplePhoto")
    for name in sample.define_schema().inputs[0].options["options"]:
        image = sample.execute(name)[0]
        assert image.shape[0] == 1
        assert image.shape[-1] == 3
        assert 400 < max(image.shape) <= 512
    with pytest.raises(ImageError, match="no sample photo"):
        sample.execute("../../secret")


def test_a_folder_is_painted_as_core_paints_it(node, hosted, root: Path, host) -> None:
    done = node("stylize_folder", "StylizeFolder").execute(hosted["conditional"], "b", **FOLDER)
    assert done[0] == str(root / "output" / "out")
    assert done[1] == "2 painted"
    assert host.steps == [(1, 2), (2, 2)]
    assert host.previews
    photo = read_picture(root / "input" / "1.png").image
    painted = read_picture(root / "output" / "out" / "1.png").image
    expected = Stylizer(hosted["conditional"].model, "cpu")(photo, "b")
    torch.testing.assert_close(painted, expected, atol=0.51 / 255, rtol=0)


def test_a_folder_paints_large_pictures_by_rows(node, hosted, root: Path, host, monkeypatch) -> None:
    monkeypatch.setattr("brushwork.core.inference.stream_file.LARGE_PIXELS", 1)
    monkeypatch.setattr("brushwork.core.pictures.folder.read_picture", None)
    assert node("stylize_folder", "StylizeFolder").execute(hosted["conditional"], "b", **FOLDER)[1] == "2 painted"
    expected = Stylizer(hosted["conditional"].model, "cpu")(read_picture(root / "input" / "1.png").image, "b")
    painted = read_picture(root / "output" / "out" / "1.png").image
    torch.testing.assert_close(painted, expected, atol=0.51 / 255, rtol=0)


def test_a_folder_resumes_until_a_setting_changes(node, hosted, root: Path, host, interrupted) -> None:
    run = node("stylize_folder", "StylizeFolder").execute
    host.interrupt_after = 0
    with pytest.raises(interrupted):
        run(hosted["conditional"], "b", **FOLDER)
    host.interrupt_after = None
    assert run(hosted["conditional"], "b", **FOLDER)[1] == "2 painted"
    assert run(hosted["conditional"], "b", **FOLDER)[1] == "0 painted, 2 already done"
    assert run(hosted["conditional"], "a", **FOLDER)[1] == "2 painted"
    assert run(hosted["fixed"], "", **FOLDER)[1] == "2 painted"
    assert run(hosted["fixed"], "", **{**FOLDER, "existing": "replace"})[1] == "2 painted"


def test_a_folder_in_the_style_of_a_picture(node, hosted, root: Path) -> None:
    run = node("stylize_folder", "StylizeFolder").execute
    with pytest.raises(StyleError, match="none is wired") as caught:
        run(hosted["image"], "", **FOLDER)
    four_parts(caught.value)
    first, second = torch.rand(1, 8, 8, 3), torch.rand(1, 8, 8, 3)
    assert run(hosted["image"], "", first, **FOLDER)[1] == "2 painted"
    assert run(hosted["image"], "", first, **FOLDER)[1] == "0 painted, 2 already done"
    assert run(hosted["image"], "", second, **FOLDER)[1] == "2 painted"


@pytest.mark.parametrize("name", ["..", "../..", "/", "/etc", "C:\\Windows", "link", "sub/../../.."])
@pytest.mark.parametrize("which", ["input_folder", "output_folder"])
def test_folders_outside_comfyui_are_refused(node, hosted, root: Path, name: str, which: str) -> None:
    (root.parent / "outside").mkdir(exist_ok=True)
    for inside in ("input", "output"):
        (root / inside / "link").symlink_to(root.parent / "outside")
    with pytest.raises(ConfigError, match="cannot be the folder") as caught:
        node("stylize_folder", "StylizeFolder").execute(hosted["fixed"], "", **{**FOLDER, which: name})
    four_parts(caught.value)
    assert not any((root.parent / "outside").iterdir())


def test_a_folder_by_its_full_path_inside_comfyui(node, hosted, root: Path) -> None:
    options = {**FOLDER, "input_folder": str(root / "input"), "output_folder": str(root / "output" / "x" / "y")}
    assert node("stylize_folder", "StylizeFolder").execute(hosted["fixed"], "", **options)[1] == "2 painted"


def test_get_style_brings_it_once_and_tells_the_page(node, host, hosted, monkeypatch, tmp_path: Path) -> None:
    get = node("get_style", "GetStyle")
    library = importlib.import_module("brushwork.nodes._library")

    def download(repository: str, folder: Path, progress) -> Path:
        progress(5, 10)
        return save_checkpoint(hosted["conditional"].model, folder / "owner" / "name" / "name.safetensors")

    monkeypatch.setattr(library, "get_repository", download)
    before = get.fingerprint_inputs("owner/name")
    first = get.execute("owner/name")
    assert first[1] == ["a", "b", "7", "identity"]
    assert host.messages == ["brushwork.models_changed"]
    assert host.steps == [(5, 10)]
    assert get.fingerprint_inputs("owner/name") != before
    monkeypatch.undo()
    assert get.execute("owner/name")[0] is first[0]
    assert host.messages == ["brushwork.models_changed"]
    assert "owner/name/name.safetensors" in library.model_choices()


def test_get_style_without_a_name_and_offline(node, host, monkeypatch) -> None:
    get = node("get_style", "GetStyle")
    for text in ("", "just-a-name", "../../x"):
        with pytest.raises(ConfigError, match="no repository") as caught:
            get.execute(text)
        four_parts(caught.value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="offline mode") as caught:
        get.execute("owner/name")
    four_parts(caught.value)


PUBLISH = {"repository": "owner/name", "license": "MIT", "title": "", "private": False, "picture_license": ""}


def test_publish_starts_as_a_dry_run(node, hosted, root: Path, host) -> None:
    publish = node("publish_style", "PublishStyle")
    assert publish.define_schema().inputs[4].options["default"] is True
    done = publish.execute(hosted["conditional"], dry_run=True, photos=torch.rand(2, 9, 7, 4), **PUBLISH)
    folder = Path(done[0])
    assert folder == root / "output" / "brushwork" / "publish" / "owner--name"
    assert load_checkpoint(folder / "name.safetensors").spec.license == "MIT"
    assert "photo 2" not in (folder / "README.md").read_text(encoding="utf-8")
    assert host.steps[-1][0] == host.steps[-1][1]
    assert "left out" in done.ui


@pytest.mark.parametrize("kind", ["fixed", "image"])
def test_publish_paints_brushworks_own_photos(node, hosted, root: Path, kind: str) -> None:
    done = node("publish_style", "PublishStyle").execute(hosted[kind], dry_run=True, **PUBLISH)
    assert "NASA" in (Path(done[0]) / "README.md").read_text(encoding="utf-8")


def test_publish_needs_a_name_a_licence_and_a_login(node, hosted, root: Path, monkeypatch) -> None:
    publish = node("publish_style", "PublishStyle")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    wrong = [
        (ConfigError, {"repository": "name"}),
        (ConfigError, {"license": ""}),
        (PublishError, {"dry_run": False}),
    ]
    for kind, change in wrong:
        with pytest.raises(kind) as caught:
            publish.execute(hosted["conditional"], **{"dry_run": True, **PUBLISH, **change})
        four_parts(caught.value)
    assert not list((root / "output").rglob("*.safetensors"))


def test_no_node_asks_for_a_token(host) -> None:
    """Workflows are shared, and saved into pictures."""
    nodes = importlib.import_module("brushwork.nodes")
    for module, name in nodes.NODES.items():
        schema = getattr(importlib.import_module(f"brushwork.nodes.{module}"), name).define_schema()
        assert not [slot.name for slot in schema.inputs if "token" in slot.name or slot.name.endswith("key")]


def test_an_empty_model_file_is_explained(host, root: Path) -> None:
    (host.models / "upload.safetensors").write_bytes(b"")
    (host.models / "upload.pth").write_bytes(b"")
    library = importlib.import_module("brushwork.nodes._library")
    for name in ("upload.safetensors", "upload.pth"):
        with pytest.raises(BrushworkError) as caught:
            library.load(name, library.AUTOMATIC, lambda done, total: None)
        assert name in four_parts(caught.value)
