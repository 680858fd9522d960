"""Lists, loading, memory of loaded models, and names of saved files, on a stand-in host."""

from __future__ import annotations

import gc
import importlib
import os
import weakref
from pathlib import Path

import pytest
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.errors import ConfigError, ManifestError


@pytest.fixture
def library(host):
    return importlib.import_module("brushwork.nodes._library")


@pytest.fixture
def saved(host, hosted) -> Path:
    return save_checkpoint(hosted["conditional"].model, host.models / "mine" / "four.safetensors")


def never(done: int, total: int) -> None:
    raise AssertionError("nothing has to be downloaded")


def test_the_list_has_local_files_and_marks_the_hub(library, saved: Path) -> None:
    choices = library.model_choices()
    assert "mine/four.safetensors" in choices
    assert [name for name in choices if name.endswith(library.HUB_MARK)]
    assert library.companion_choices()[0] == library.AUTOMATIC


def test_a_damaged_manifest_empties_the_list_and_leaves_the_node(library, monkeypatch, caplog) -> None:
    def damaged(*_: object) -> None:
        raise ManifestError("The manifest is damaged.")

    monkeypatch.setattr(library, "list_models", damaged)
    assert library.model_choices() == []
    assert "The manifest is damaged" in caplog.text


def test_a_model_is_read_once_until_its_file_changes(library, saved: Path) -> None:
    name = "mine/four.safetensors"
    first, before = library.load(name, library.AUTOMATIC, never), library.fingerprint(name, library.AUTOMATIC)
    assert library.load(name, library.AUTOMATIC, never) is first
    os.utime(saved, (1, 1))
    assert library.fingerprint(name, library.AUTOMATIC) != before
    assert library.load(name, library.AUTOMATIC, never) is not first


def test_a_companion_is_handed_to_the_reader_behind_its_model(library, host, hosted, monkeypatch) -> None:
    for name in ("decoder.pth", "encoder.pth"):
        (host.models / name).write_bytes(name.encode())
    read = []

    def load_checkpoint(*paths: Path):
        read.append([path.name for path in paths])
        return hosted["image"].model

    monkeypatch.setattr("brushwork.core.checkpoints.load_checkpoint", load_checkpoint)
    pair = library.load("decoder.pth", "encoder.pth", never)
    assert library.load("decoder.pth", library.AUTOMATIC, never) is not pair
    assert read == [["decoder.pth", "encoder.pth"], ["decoder.pth"]]
    before = library.fingerprint("decoder.pth", "encoder.pth")
    os.utime(host.models / "encoder.pth", (1, 1))
    assert library.fingerprint("decoder.pth", "encoder.pth") != before


def test_a_model_stays_in_memory_as_long_as_a_wire_holds_it(library, saved: Path) -> None:
    """ComfyUI's cache of outputs is the wire; it is emptied by "Free model and node cache"."""
    held = library.load("mine/four.safetensors", library.AUTOMATIC, never)
    held.stylizer("exact", 1, 8, 8)
    network = weakref.ref(held.model.network)
    assert library.load("mine/four.safetensors", library.AUTOMATIC, never) is held
    del held
    gc.collect()
    assert network() is None


def test_the_mark_is_taken_off_titles_only(library, host, hosted) -> None:
    title = next(name for name in library.model_choices() if name.endswith(library.HUB_MARK))
    assert library.plain_name(title) == title.removesuffix(library.HUB_MARK)
    assert library.plain_name("my file (hub)") == "my file (hub)"


def test_a_title_is_downloaded_with_progress(library, node, host, saved: Path, monkeypatch) -> None:
    title = next(name for name in library.model_choices() if name.endswith(library.HUB_MARK))

    def download(reference: str, folders: list, progress) -> tuple[Path]:
        assert reference + library.HUB_MARK == title
        assert folders == [host.models]
        progress(500_000, 2_000_000)
        progress(2_000_000, 2_000_000)
        return (saved,)

    monkeypatch.setattr(library, "resolve_files", download)
    out = node("load_style_model", "LoadStyleModel").execute(title, library.AUTOMATIC)
    assert host.steps == [(500_000, 2_000_000), (2_000_000, 2_000_000)]
    assert host.texts[0] == "downloading 0.5 of 2.0 MB"
    assert out[1] == ["a", "b", "7", "identity"]


def test_cancel_ends_a_download(library, host, interrupted, node, monkeypatch) -> None:
    host.interrupt_after = 1

    def download(reference: str, folders: list, progress) -> None:
        for done in range(5):
            progress(done, 5)

    monkeypatch.setattr(library, "resolve_files", download)
    with pytest.raises(interrupted):
        node("load_style_model", "LoadStyleModel").execute("anything", library.AUTOMATIC)
    assert host.steps == [(0, 5)]


def test_a_model_without_names_still_gives_a_list(library, node, host, hosted) -> None:
    save_checkpoint(hosted["image"].model, host.models / "any.safetensors")
    out = node("load_style_model", "LoadStyleModel").execute("any.safetensors", library.AUTOMATIC)
    assert out[1] == [""]


def test_saving_writes_a_file_that_loads_and_never_overwrites_unasked(node, host, hosted) -> None:
    save = node("save_style_model", "SaveStyleModel").execute
    first = save(hosted["conditional"], "candy", "float16", False)[0]
    second = save(hosted["conditional"], "candy.safetensors", "float32", False)[0]
    assert (Path(first).name, Path(second).name) == ("candy.safetensors", "candy_00001.safetensors")
    before = Path(first).stat().st_size
    assert save(hosted["conditional"], "candy", "float32", True)[0] == first
    assert Path(first).stat().st_size > 1.5 * before
    assert load_checkpoint(second).spec.style_names == ("a", "b", "7", "identity")


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", "../x", "a/../../x", "/etc/x", "C:\\x", "c:x", "a\\..\\..\\x", ".hidden", "nul", "COM1",
     "a:b", "a?", "a\nb", "a. ", ".safetensors"],
)  # fmt: skip
def test_names_that_leave_the_folder_or_are_no_names(host, name: str) -> None:
    target = importlib.import_module("brushwork.nodes._file_name").target
    with pytest.raises(ConfigError, match="cannot be its name"):
        target(host.models, name, overwrite=False)


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_a_link_that_leads_out_is_refused(host, tmp_path: Path) -> None:
    target = importlib.import_module("brushwork.nodes._file_name").target
    (tmp_path / "outside").mkdir()
    (host.models / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigError):
        target(host.models, "link/x", overwrite=False)
