"""CoreML neural networks, read without coremltools."""

from __future__ import annotations

import struct

import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.readers import coreml
from brushwork.core.errors import CheckpointError, UnsupportedCheckpointError


def _model(proto, *layers):
    return proto((1, 1), (500, b"".join(proto((1, layer)) for layer in layers)))


def test_weights_in_single_and_half_precision(tmp_path, proto):
    values = torch.randn(4, 3, 3, 3)
    half = proto((2, values.half().numpy().tobytes()))
    bias = proto((1, struct.pack("<4f", 1, 2, 3, 4)))
    conv = proto((1, 4), (2, 3), (20, b"\x03\x03"), (30, b"\x02\x02"), (70, 1), (90, half), (91, bias))
    up = proto((1, b"\x02\x02"), (5, 1))
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_model(proto, proto((1, "c"), (2, "in"), (3, "out"), (100, conv)), proto((1, "u"), (210, up))))
    raw = coreml.read(path)
    assert raw.tensors["c.weight"].equal(values.half())
    assert raw.tensors["c.bias"].tolist() == [1, 2, 3, 4]
    conv_facts, up_facts = raw.metadata["layers"]
    assert (conv_facts["inputs"], conv_facts["outputs"], conv_facts["stride"]) == (["in"], ["out"], [2, 2])
    assert (up_facts["factors"], up_facts["mode"]) == ([2, 2], "bilinear")


def test_unpacked_numbers_are_read_too(tmp_path, proto):
    constant = proto((1, 2), (1, 1), (1, 1), (2, proto((1, 0.5), (1, -2.0))))
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_model(proto, proto((1, "k"), (290, constant))))
    assert coreml.read(path).tensors["k"].tolist() == [[[0.5]], [[-2.0]]]


def test_quantized_weights_are_refused(tmp_path, proto):
    conv = proto((1, 1), (2, 1), (20, b"\x01\x01"), (90, proto((30, b"\x05"))))
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_model(proto, proto((1, "c"), (100, conv))))
    with pytest.raises(CheckpointError, match="quantized"):
        coreml.read(path)


def test_a_size_that_lies_allocates_nothing(tmp_path, proto):
    conv = proto((1, 1 << 40), (2, 1 << 20), (20, b"\x03\x03"), (90, proto((1, bytes(8)))))
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_model(proto, proto((1, "c"), (100, conv))))
    with pytest.raises(CheckpointError, match="values"):
        coreml.read(path)


def test_another_network_or_no_network(tmp_path, proto):
    path = tmp_path / "a.mlmodel"
    path.write_bytes(_model(proto, proto((1, "r"), (130, b""))))
    with pytest.raises(UnsupportedCheckpointError):
        load_checkpoint(path)
    path.write_bytes(proto((1, 7), (502, b"")))
    with pytest.raises(CheckpointError, match="no neural network"):
        load_checkpoint(path)
