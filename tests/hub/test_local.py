"""Finding models on this machine: by path, id, title, name; never over the network, never slowly."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from brushwork.core.errors import ChecksumMismatchError, ManifestError, WeightsNotFoundError
from brushwork.core.hub import (
    download_weights,
    find_weights,
    list_models,
    load_manifest,
    local,
    places,
    resolve_files,
    resolve_model,
)
from brushwork.core.hub.manifest import manifest_from_dict


@pytest.fixture(autouse=True)
def _no_connection(request, monkeypatch):
    """Unless a local Hub is part of the test, any connection is a failure."""
    if "hub" not in request.fixturenames:

        def refuse(self, address):
            raise AssertionError(f"a local look-up connects to {address}")

        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def models(tmp_path, hub_env) -> Path:
    """A models folder as people keep them."""
    folder = tmp_path / "models"
    for name in ("wave.pth", "sub/night.model", "Old Ones/muse.t7", "decoder.pth.tar", "style.mlmodel", "a.onnx"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    for name in ("notes.txt", "brushwork.lock.json.bak", "half.pth.part", ".hidden/x.pth", ".x.pth"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    for name in ("manifest.json", "Variable", "Variable_1"):
        (folder / "lengstrom").mkdir(exist_ok=True)
        (folder / "lengstrom" / name).write_bytes(b"")
    for name in ("content_encoder", "style_encoder", "modulator", "decoder"):
        (folder / "tiny" / "microast").mkdir(parents=True, exist_ok=True)
        (folder / "tiny" / "microast" / f"{name}_iter_1.pth.tar").write_bytes(b"")
    return folder


def bundle(monkeypatch, root: Path, data: bytes = b"weights", **fields):
    """A manifest with one bundled model in place of the pack's own."""
    import hashlib

    (root / "weights").mkdir(parents=True, exist_ok=True)
    (root / "weights" / "starter.safetensors").write_bytes(data)
    row = {
        "id": "cin-starter", "title": "Sixteen Paintings", "kind": "style_model",
        "architecture": "conditional_transformer_net",
        "source": {"type": "bundled", "path": "weights/starter.safetensors"}, "bytes": 7,
        "sha256": hashlib.sha256(b"weights").hexdigest(), "format": "safetensors", "input_normalization": "unit",
        "styles": ["wave"], "license": "MIT", "attribution": "us", **fields,
    }  # fmt: skip
    manifest = manifest_from_dict({"schema_version": 1, "entries": [row]})
    monkeypatch.setattr(local, "PACK_ROOT", root)
    monkeypatch.setattr(local, "load_manifest", lambda: manifest)
    monkeypatch.setattr("brushwork.core.hub.resolve.load_manifest", lambda: manifest)
    return root / "weights" / "starter.safetensors"


def test_names_in_a_models_folder(models):
    for name, path in {
        "wave.pth": "wave.pth",
        "wave": "wave.pth",
        "sub/night.model": "sub/night.model",
        "night.model": "sub/night.model",
        "night": "sub/night.model",
        "muse": "Old Ones/muse.t7",
        "decoder": "decoder.pth.tar",
        "lengstrom": "lengstrom",
        "microast": "tiny/microast",
        "tiny/microast": "tiny/microast",
    }.items():
        assert find_weights(name, [models]) == models / path, name
        assert resolve_model(name, [models]) == models / path
    (models.parent / "outside.pth").write_bytes(b"")
    for name in ("", "sub", "tiny", "x", "half", "none", "../outside.pth"):
        assert find_weights(name, [models]) is None, name


def test_paths_are_taken_as_they_are(models, monkeypatch):
    assert find_weights(models / "notes.txt") == models / "notes.txt"
    assert find_weights(str(models / "sub")) == models / "sub"
    monkeypatch.chdir(models)
    assert find_weights("wave.pth") == Path("wave.pth")
    assert find_weights("lengstrom") == Path("lengstrom")
    assert resolve_files("sub/night.model") == (Path("sub/night.model"),)


def test_first_folder_wins(models, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "wave.pth").write_bytes(b"")
    assert find_weights("wave", [other, models]) == other / "wave.pth"
    assert find_weights("wave", [tmp_path / "missing", models]) == models / "wave.pth"


def test_list_shows_each_model_once(models):
    listed = list_models([models])
    assert [m.name for m in listed if m.place == "local"] == [
        "a.onnx",
        "decoder.pth.tar",
        "lengstrom",
        "Old Ones/muse.t7",
        "style.mlmodel",
        "sub/night.model",
        "tiny/microast",
        "wave.pth",
    ]
    assert {m.entry.id for m in listed if m.place == "hub"} == {
        e.id for e in load_manifest().entries if e.kind == "style_model" and e.source.__class__.__name__ == "HubSource"
    }
    assert all(m.entry.kind == "encoder" for m in list_models([models], ("encoder",)))


def test_links_in_circles(models):
    try:
        (models / "sub" / "again").symlink_to(models, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    assert len([m for m in list_models([models]) if m.name.endswith("night.model")]) == 1


def test_bundled_models_are_verified(monkeypatch, tmp_path, hub_env):
    path = bundle(monkeypatch, tmp_path / "pack")
    for name in ("cin-starter", "CIN-Starter", "sixteen paintings", "starter.safetensors"):
        assert find_weights(name) == path, name
    assert [(m.name, m.place) for m in list_models()] == [("Sixteen Paintings", "bundled")]
    path.write_bytes(b"wEights")
    with pytest.raises(ChecksumMismatchError):
        find_weights("cin-starter")
    path.unlink()
    assert find_weights("cin-starter") is None
    with pytest.raises(WeightsNotFoundError, match="Reinstall"):
        resolve_model("cin-starter")


def test_an_id_beats_a_folder_of_the_same_name(monkeypatch, tmp_path, hub_env):
    path = bundle(monkeypatch, tmp_path / "pack")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cin-starter").mkdir()
    assert find_weights("cin-starter") == path


def test_close_names_are_told(models):
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve_model("wavee", [models])
    assert "wave.pth" in caught.value.got
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve_model("onnx-candi-9", [models])
    assert "onnx-candy-9" in caught.value.got
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve_model("", [models])
    assert caught.value.do


def test_damaged_pins_are_named(models):
    (models / "brushwork.lock.json").write_text("{")
    with pytest.raises(ManifestError, match=r"brushwork\.lock\.json"):
        find_weights("wave", [models])


def test_title_downloads_and_stays_in_the_list(hub, make_repo, models, monkeypatch):
    hub.repos["onnxmodelzoo/candy-9"] = make_repo({"candy-9.onnx": b"onnx" * 1000})
    entry = load_manifest()["onnx-candy-9"]
    before = [m.name for m in list_models([models])]
    path = resolve_model(entry.title, [models])
    assert path == models / "candy-9.onnx"
    assert [m.name for m in list_models([models])] == before
    (model,) = [m for m in list_models([models]) if m.name == entry.title]
    assert (model.place, model.path) == ("local", path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    for name in (entry.id, entry.title, "candy-9.onnx", "candy-9"):
        assert resolve_model(name, [models]) == path
    assert hub.requests == []


def test_companions_come_along(hub, make_repo, models):
    files = {"saved-models/decoder_iter_500.pth.tar": b"d" * 99, "vgg_normalised.pth": b"v" * 77}
    commit = load_manifest()["vkganesan-adain-500"].source.revision
    hub.repos["spaces/vkganesan/AdaIN"] = make_repo(files, commit=commit)
    paths = resolve_files("vkganesan-adain-500", [models])
    assert paths == (models / "decoder_iter_500.pth.tar", models / "vgg_normalised.pth")
    assert resolve_files("AdaIN decoder, 500 iterations (vkganesan)", [models]) == paths


def test_a_file_of_the_user_under_a_known_name_is_theirs(models):
    """The manifest knows size and hash of maze's Mosaic_512.pth; this one was trained at home."""
    (models / "Mosaic_512.pth").write_bytes(b"home-made")
    assert find_weights("Mosaic_512.pth", [models]) == models / "Mosaic_512.pth"
    assert "Mosaic_512.pth" in [m.name for m in list_models([models])]
    with pytest.raises(ChecksumMismatchError, match="promised"):
        find_weights("maze-mosaic-512", [models])


def test_a_manifest_entry_whose_file_is_gone(hub, models):
    with pytest.raises(OSError, match="no repository") as caught:
        resolve_model("onnx-candy-9", [models])
    assert caught.value.do


LOCAL = """
import sys
from brushwork.core.hub import find_weights, list_models, resolve_model
folder = sys.argv[1]
assert resolve_model("wave", [folder])
assert resolve_model(folder + "/wave.pth")
assert len(list_models([folder])) > 20
for name in ("torch", "huggingface_hub", "filelock", "requests", "httpx", "httpx2"):
    assert name not in sys.modules, name
"""


def test_local_files_import_neither_torch_nor_huggingface_hub(models, python_command):
    subprocess.run(python_command(LOCAL, models), check=True)


CONSTANTS = """
import importlib, json, os, sys
import huggingface_hub.constants as c
for extra in json.loads(sys.argv[1]):
    os.environ |= extra
    c = importlib.reload(c)
    print(json.dumps([c.HF_HUB_CACHE, c.HF_ASSETS_CACHE]))
"""


def test_places_are_huggingface_hubs_own(tmp_path, monkeypatch):
    """Our copy of the rules against the library's constants, which it sets when it is imported."""
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE", "XDG_"))]:
        monkeypatch.delenv(name)
    cases = [
        {},
        {"XDG_CACHE_HOME": str(tmp_path / "xdg")},
        {"HF_HOME": str(tmp_path / "home")},
        {"HF_HUB_CACHE": str(tmp_path / "b"), "HF_ASSETS_CACHE": str(tmp_path)},
    ]
    command = [sys.executable, "-c", CONSTANTS, json.dumps(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for case, line in zip(cases, done.stdout.splitlines(), strict=True):
        for name, value in case.items():
            monkeypatch.setenv(name, value)
        cache, assets = json.loads(line)
        assert places.hub_cache() == Path(cache)
        assert places.own_cache() == Path(assets) / "brushwork"


def test_cache_file_found_by_another_client(hub, make_repo, make_entry, hub_env):
    """What huggingface_hub itself has downloaded is used, without a request."""
    hub.repos["owner/paint"] = make_repo({"models/candy.pth": b"c" * 5000})
    from huggingface_hub import hf_hub_download

    theirs = hf_hub_download("owner/paint", "models/candy.pth", cache_dir=hub_env / "hub", endpoint=hub.endpoint)
    hub.requests.clear()
    assert local.local_path(make_entry()) == Path(theirs)
    assert download_weights(make_entry()) == Path(theirs)
    assert hub.requests == []
