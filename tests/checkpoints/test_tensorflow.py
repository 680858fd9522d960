"""TensorFlow checkpoints of both formats, read without TensorFlow."""

from __future__ import annotations

import struct

import pytest
import torch
from brushwork.core.checkpoints.readers import tensorflow
from brushwork.core.checkpoints.readers._bytes import DamagedFileError
from brushwork.core.checkpoints.readers._snappy import decompress
from brushwork.core.checkpoints.readers._sstable import masked_crc32c
from brushwork.core.errors import CheckpointError


@pytest.fixture
def variables():
    names = [f"net/conv{i}/weights" for i in range(12)]
    return {"step": torch.tensor(3.0), **{name: torch.randn(2, 3, 1, i + 1) for i, name in enumerate(names)}}


def _same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("snappy", [False, True])
def test_v1_gives_every_variable(tmp_path, tf, variables, snappy):
    path = tmp_path / "model.ckpt"
    tf.v1(path, variables, snappy)
    assert tensorflow.matches(path, path.read_bytes()[:1024])
    _same(tensorflow.read(path).tensors, variables)


@pytest.mark.parametrize("snappy", [False, True])
@pytest.mark.parametrize("place", ["model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", ""])
def test_v2_opens_by_prefix_index_shard_and_folder(tmp_path, tf, variables, snappy, place):
    tf.v2(tmp_path / "model.ckpt", variables, snappy)
    path = tmp_path / place
    assert tensorflow.matches(path, b"")
    raw = tensorflow.read(path)
    _same(raw.tensors, variables)
    assert raw.name == (tmp_path.name if place == "" else "model.ckpt")


def test_a_folder_gives_the_checkpoint_that_it_calls_the_last(tmp_path, tf, variables):
    for step in (1, 20):
        tf.v2(tmp_path / f"model-{step}", {"step": torch.tensor(float(step))})
    with pytest.raises(CheckpointError, match="several"):
        tensorflow.read(tmp_path)
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/home/else/model-20"\nall_model_checkpoint_paths: "model-1"\n'
    )
    assert tensorflow.read(tmp_path).tensors["step"].item() == 20


def test_a_wrong_checksum_is_an_error(tmp_path, tf, variables):
    tf.v2(tmp_path / "m", variables)
    shard = tmp_path / "m.data-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[40] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CheckpointError, match="checksum"):
        tensorflow.read(tmp_path / "m.index")


def test_a_missing_shard_is_an_error(tmp_path, tf, variables):
    tf.v2(tmp_path / "m", variables)
    (tmp_path / "m.data-00000-of-00001").unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        tensorflow.read(tmp_path / "m.index")


def test_lengths_that_lie_are_errors(tmp_path, tf, proto):
    entry = proto((1, 1), (2, proto((2, proto((1, 1 << 40))))), (4, 0), (5, 4))
    (tmp_path / "m.index").write_bytes(tf.table({b"": proto((1, 1)), b"w": entry}))
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(4))
    with pytest.raises(CheckpointError):
        tensorflow.read(tmp_path / "m.index")


def test_checksum_of_the_standard():
    crc = 0xE3069283  # CRC-32C of "123456789", RFC 3720 and every table of CRCs
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_snappy_copies_that_overlap_themselves():
    # literal "ab", then a copy of 10 bytes from 2 back: the run-length case of the format
    block = bytes((12, 1 << 2, *b"ab", (10 - 4) << 2 | 1, 2))
    assert bytes(decompress(memoryview(block))) == b"abababababab"


@pytest.mark.parametrize("block", [b"\xff\xff\xff\xff\x0f\x00a", b"\x04\x01\x09", b"\x02\x00a", b"\x05\xf0"])
def test_snappy_blocks_that_lie(block):
    with pytest.raises(DamagedFileError):
        decompress(memoryview(block))


def test_snappy_round_trip(tf):
    data = b"".join(struct.pack("<f", float(i % 7)) for i in range(3000)) + b"end"
    assert bytes(decompress(memoryview(tf.snappy(data)))) == data
