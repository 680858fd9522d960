"""Lua Torch 7 files, read as data."""

from __future__ import annotations

import struct

import pytest
import torch
from brushwork.core.checkpoints.readers import t7 as reader
from brushwork.core.errors import CheckpointError


def _int(*values):
    return struct.pack(f"<{len(values)}i", *values)


def test_values_tensors_and_references(tmp_path, t7):
    shared = torch.arange(12.0).reshape(3, 4)
    layer = t7.module("nn.Linear", weight=shared, bias=shared[1], gradWeight=torch.empty(0), train=False, n=4)
    twin = t7.module("cudnn.SpatialConvolution", weight=shared.t(), offsets=torch.tensor([5, 6]), output=None)
    options = {"arch": "c9s1-16,d32", "iterations": 40000, "gpu": True, "nested": {"a": 1}, 3: "ignored"}
    model = t7.module("nn.Sequential", modules=[layer, twin, layer], callback=b"\x1bLua\x00code")
    path = tmp_path / "candy.t7"
    t7.write(path, {"opt": options, "model": model, "loss_history": [0.5] * 300})
    assert reader.matches(tmp_path / "any.bin", path.read_bytes()[:1024])
    raw = reader.read(path)
    assert raw.metadata["options"] == {"arch": "c9s1-16,d32", "iterations": 40000, "gpu": True}
    assert [m["kind"] for m in raw.metadata["modules"]] == ["Sequential", "Linear", "SpatialConvolution", "Linear"]
    assert [m["path"] for m in raw.metadata["modules"]] == ["", "1", "2", "3"]
    assert raw.metadata["modules"][1]["n"] == 4
    assert raw.tensors["1.weight"].equal(shared)
    assert raw.tensors["1.bias"].equal(shared[1])
    assert raw.tensors["2.weight"].equal(shared.t())
    assert raw.tensors["2.offsets"].tolist() == [5, 6]
    assert raw.tensors["3.weight"].data_ptr() == raw.tensors["1.weight"].data_ptr()


def test_a_class_written_before_versions_existed(tmp_path):
    name = b"nn.Sequential"
    body = _int(4, 1, len(name)) + name + _int(3, 2, 0)
    (tmp_path / "old.t7").write_bytes(body)
    assert reader.read(tmp_path / "old.t7").metadata["modules"] == [{"path": "", "kind": "Sequential"}]


@pytest.mark.parametrize(
    "body",
    [
        _int(3, 1, 2**31 - 1),
        _int(3, 1, -5),
        _int(2, 2**31 - 1) + b"abc",
        _int(2, -1),
        _int(9, 0),
        _int(3, 1, 1) * 5000,
        _int(4, 1, 3) + b"V 1" + _int(17) + b"torch.FloatTensor" + _int(99),
        _int(4, 1, 3) + b"V 1" + _int(18) + b"torch.FloatStorage" + struct.pack("<q", 2**60),
        _int(8, 1, 2**30),
        b"4\n1\n3\nV 1\n",
    ],
    ids=["entries", "negative", "text", "shorter", "tag", "deep", "rank", "storage", "function", "ascii"],
)
def test_files_that_lie(tmp_path, body):
    (tmp_path / "a.t7").write_bytes(body)
    with pytest.raises(CheckpointError) as caught:
        reader.read(tmp_path / "a.t7")
    assert all((caught.value.expected, caught.value.got, caught.value.do))


@pytest.mark.parametrize(
    ("sizes", "strides", "offset"), [((2, 2), (3, 1), 1), ((1 << 40,), (0,), 1), ((2,), (-1,), 2), ((2,), (1,), 0)]
)
def test_tensors_outside_their_storage(tmp_path, sizes, strides, offset):
    head = struct.pack(f"<i{2 * len(sizes)}qq", len(sizes), *sizes, *strides, offset)
    storage = _int(4, 2, 3) + b"V 1" + _int(18) + b"torch.FloatStorage" + struct.pack("<q4f", 4, 1, 2, 3, 4)
    body = _int(4, 1, 3) + b"V 1" + _int(17) + b"torch.FloatTensor" + head + storage
    (tmp_path / "a.t7").write_bytes(body)
    with pytest.raises(CheckpointError, match=r"storage|shape"):
        reader.read(tmp_path / "a.t7")


def test_modules_that_contain_themselves(tmp_path, t7):
    model = t7.module("nn.Sequential")
    model.fields["modules"] = {1: model, 2: model}
    t7.write(tmp_path / "a.t7", {"model": model})
    with pytest.raises(CheckpointError, match="nested"):
        reader.read(tmp_path / "a.t7")


def test_no_model_inside(tmp_path, t7):
    t7.write(tmp_path / "a.t7", {"weights": 3})
    with pytest.raises(CheckpointError, match="weights"):
        reader.read(tmp_path / "a.t7")
