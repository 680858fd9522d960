"""The wire format, byte by byte as its documentation gives it."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.checkpoints.readers._bytes import DamagedFileError
from brushwork.core.checkpoints.readers._protobuf import Message


def _message(data: bytes) -> Message:
    return Message(memoryview(data))


def test_examples_of_the_documentation():
    assert _message(b"\x08\x96\x01").int(1) == 150
    assert _message(b"\x12\x07testing").text(2) == "testing"
    assert _message(b"\x1a\x03\x08\x96\x01").message(3).int(1) == 150
    assert _message(b"\x32\x06\x03\x8e\x02\x9e\xa7\x05").ints(6) == [3, 270, 86942]
    assert _message(b"\x08" + b"\xfe" + b"\xff" * 8 + b"\x01").int(1) == -2


def test_repeated_and_last_values():
    message = _message(b"\x08\x01\x08\x02\x0a\x02\x03\x04")
    assert message.ints(1) == [1, 2, 3, 4]
    assert _message(b"\x12\x01a\x12\x01b").text(2) == "b"
    assert _message(b"\x0d\x00\x00\x80\x3f\x0a\x04\x00\x00\x00\x40").floats(1).tolist() == [1, 2]
    assert _message(b"\x09" + bytes(8)).floats(1, torch.float64).tolist() == [0]


def test_absent_fields_have_defaults():
    message = _message(b"")
    assert (message.int(1), message.int(1, 5), message.text(2), message.ints(3)) == (0, 5, "", [])
    assert message.fixed32(4) is None
    assert 7 not in message


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x08\xff", b"\x08" + b"\x80" * 11, b"\x12\x05ab", b"\x00\x01", b"\x0b", b"\x0d\x00", b"\x09\x00",
     b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"],
)  # fmt: skip
def test_malformed_messages(data):
    with pytest.raises(DamagedFileError):
        _message(data)


def test_floats_that_are_not_whole():
    with pytest.raises(DamagedFileError):
        _message(b"\x0a\x03abc").floats(1)
