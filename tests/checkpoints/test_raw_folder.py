"""A folder of raw float32 files and a manifest."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.core.checkpoints.readers import raw_folder
from brushwork.core.errors import CheckpointError


def _write(folder, manifest, **files):
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name, tensor in files.items():
        (folder / name).write_bytes(tensor.numpy().tobytes())


def test_reads_shapes_and_values(tmp_path):
    a, b = torch.randn(2, 3), torch.randn(4)
    manifest = {"x": {"filename": "one", "shape": [2, 3]}, "y": {"filename": "two", "shape": [4]}}
    _write(tmp_path / "net", manifest, one=a, two=b)
    assert raw_folder.matches(tmp_path / "net", b"")
    raw = raw_folder.read(tmp_path / "net")
    assert raw.name == "net"
    assert raw.tensors["x"].equal(a)
    assert raw.tensors["y"].equal(b)


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {},
        {"x": 3},
        {"x": {"filename": "../secret", "shape": [6]}},
        {"x": {"filename": "..", "shape": [6]}},
        {"x": {"filename": "one", "shape": [7]}},
        {"x": {"filename": "one", "shape": [-6, -1]}},
        {"x": {"filename": "one", "shape": [1 << 62]}},
        {"x": {"filename": "one", "shape": [2.0, 3]}},
        {"x": {"filename": "absent", "shape": [6]}},
    ],
)
def test_manifests_that_lie(tmp_path, manifest):
    (tmp_path / "secret").write_bytes(bytes(24))
    _write(tmp_path / "net", manifest, one=torch.zeros(6))
    with pytest.raises(CheckpointError) as caught:
        raw_folder.read(tmp_path / "net")
    assert all((caught.value.expected, caught.value.got, caught.value.do))


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100000, b"\xff\xfe{}"])
def test_damaged_manifest(tmp_path, text):
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(CheckpointError):
        raw_folder.read(tmp_path)
