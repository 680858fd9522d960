"""The manifest: JSON Schema, our own light check, and the bundled files themselves."""

from __future__ import annotations

import copy
import json
import os

import jsonschema
import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES, build_network
from brushwork.core.checkpoints.native import save_checkpoint
from brushwork.core.errors import CheckpointError, ManifestError
from brushwork.core.hub import BundledSource, HubSource, bundled, entry_for_bundled, load_manifest
from brushwork.core.hub.integrity import check_file
from brushwork.core.hub.manifest import NORMALIZATIONS, PACK_ROOT, manifest_from_dict
from brushwork.core.normalization import PRESETS
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

DATA = json.loads((PACK_ROOT / "weights_manifest.json").read_text(encoding="utf-8"))
SCHEMA = json.loads((PACK_ROOT / "weights_manifest.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_manifest_fits_its_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(DATA)
    assert len(load_manifest().entries) == len(DATA["entries"])


def test_normalizations_are_the_presets():
    assert set(NORMALIZATIONS) == set(PRESETS)
    allowed = SCHEMA["$defs"]["entry"]["properties"]["input_normalization"]["enum"]
    assert set(allowed) == {*PRESETS, None}


def test_entries_make_sense_together():
    for entry in load_manifest().entries:
        if entry.kind == "style_model":
            assert entry.architecture in ARCHITECTURES
            assert entry.paper == ARCHITECTURES[entry.architecture].paper
        if isinstance(entry.source, HubSource):
            assert entry.source.repo_id in (entry.source_url or "")
        for companion in entry.companions:
            assert load_manifest()[companion].kind == "encoder"


def test_bundled_entries_equal_their_files():
    for entry in DATA["entries"]:
        if entry["source"]["type"] == "bundled":
            path = PACK_ROOT / entry["source"]["path"]
            check_file(path, entry["sha256"], entry["bytes"])
            if entry["kind"] == "style_model":
                found = entry_for_bundled(path)
                for field in ("styles", "architecture", "format", "input_normalization", "license"):
                    assert entry[field] == found[field], (entry["id"], field)


def test_every_bundled_file_has_an_entry():
    named = {e.source.path for e in load_manifest().entries if isinstance(e.source, BundledSource)}
    assert {f"weights/{path.name}" for path in (PACK_ROOT / "weights").glob("*.safetensors")} == named


WRONG = [
    ("id", "Not Kebab"),
    ("title", ""),
    ("kind", "thing"),
    ("architecture", None),
    ("source", {"type": "hub", "repo_id": "no-owner", "filename": "a", "revision": "main"}),
    ("source", {"type": "hub", "repo_id": "a/b", "filename": "../a", "revision": "main"}),
    ("source", {"type": "hub", "repo_id": "a/b", "filename": "a", "revision": "main", "repo_type": "shop"}),
    ("source", {"type": "bundled", "path": "/etc/passwd"}),
    ("source", {"type": "bundled", "path": "weights/x.safetensors"}),  # its bytes and sha256 must be known
    ("source", "weights/x.safetensors"),
    ("filename", "a/b.pth"),
    ("bytes", 0),
    ("bytes", "many"),
    ("sha256", "ABC"),
    ("format", "pickle"),
    ("input_normalization", "sometimes"),
    ("styles", "candy"),
    ("license", ""),
    ("attribution", None),
    ("source_url", "ftp://x"),
    ("paper", "Johnson 2016"),
    ("thumbnail", "not base64!"),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_both_checks_refuse_the_same(field, value):
    data = copy.deepcopy(DATA)
    hub_entry = next(entry for entry in data["entries"] if entry["source"]["type"] == "hub")
    data["entries"] = [{**hub_entry, field: value}]
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(ManifestError) as caught:
        manifest_from_dict(data)
    assert data["entries"][0]["id"] in str(caught.value)
    assert caught.value.expected
    assert caught.value.got


@pytest.mark.parametrize("field", ["id", "title", "filename"])
def test_names_are_unique(field):
    one, two = (copy.deepcopy(entry) for entry in DATA["entries"][:2])
    one["filename"], two["filename"] = "one.onnx", "two.onnx"
    two[field] = one[field]
    with pytest.raises(ManifestError, match=field):
        manifest_from_dict({"schema_version": 1, "entries": [one, two]})


def test_companions_must_exist():
    entry = {**DATA["entries"][0], "companions": ["nobody"]}
    with pytest.raises(ManifestError, match="companions"):
        manifest_from_dict({"schema_version": 1, "entries": [entry]})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": 2, "entries": []}', '{"schema_version": 1}'])
def test_broken_files(tmp_path, text):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert "m.json" in str(caught.value)
    with pytest.raises(ManifestError):
        load_manifest(tmp_path / "none.json")


def test_manifest_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"schema_version": 1, "entries": []}))
    first = load_manifest(path)
    assert load_manifest(path) is first
    path.write_text(json.dumps({"schema_version": 1, "entries": DATA["entries"][:1]}))
    os.utime(path, ns=(1, 1))
    assert len(load_manifest(path).entries) == 1


def test_entry_for_bundled_reads_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "PACK_ROOT", tmp_path)
    hyperparameters = {"encoder_widths": (4, 6, 8), "decoder_widths": (6, 4), "blocks": 1}
    network = build_network("transformer_net", hyperparameters)
    spec = ModelSpec("transformer_net", hyperparameters, styles=(StyleInfo("wave"),), title="Wave", license="MIT")
    path = save_checkpoint(StyleModel(network, spec), tmp_path / "weights" / "wave_net.safetensors")
    entry = entry_for_bundled(path)
    VALIDATOR.validate({"schema_version": 1, "entries": [entry]})
    manifest = manifest_from_dict({"schema_version": 1, "entries": [entry]})
    assert manifest.entries[0].id == "wave-net"
    assert manifest.entries[0].source == BundledSource("weights/wave_net.safetensors")
    assert entry["styles"] == ["wave"]
    assert entry["bytes"] == path.stat().st_size
    other = tmp_path / "other.safetensors"
    torch.save({}, other)
    with pytest.raises(CheckpointError):
        entry_for_bundled(other)
