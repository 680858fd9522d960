"""The lock file of first downloads."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from brushwork.core.errors import ManifestError
from brushwork.core.hub.manifest import HubSource
from brushwork.core.hub.pins import Pin, find_pin, read_pins, write_pin

PIN = Pin("model", "owner/paint", "a.pth", "main", "0" * 40, "1" * 64, 7, "a.pth")


def test_a_pin_is_found_by_all_of_its_source(tmp_path):
    assert read_pins(tmp_path) == []
    write_pin(tmp_path, PIN)
    assert find_pin(tmp_path, HubSource("owner/paint", "a.pth")) == PIN
    for other in (
        HubSource("owner/other", "a.pth"),
        HubSource("owner/paint", "b.pth"),
        HubSource("owner/paint", "a.pth", "v2"),
        HubSource("owner/paint", "a.pth", "main", "space"),
    ):
        assert find_pin(tmp_path, other) is None


def test_a_new_pin_replaces_the_old(tmp_path):
    write_pin(tmp_path, PIN)
    write_pin(tmp_path, replace(PIN, filename="b.pth"))
    write_pin(tmp_path, replace(PIN, sha256="2" * 64))
    assert [(pin.filename, pin.sha256[0]) for pin in read_pins(tmp_path)] == [("b.pth", "1"), ("a.pth", "2")]


def test_writers_at_once_lose_nothing(tmp_path):
    pins = [replace(PIN, filename=f"{i}.pth") for i in range(8)]
    threads = [threading.Thread(target=write_pin, args=(tmp_path, pin)) for pin in pins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_pins(tmp_path), key=lambda pin: pin.filename) == pins


@pytest.mark.parametrize("text", ["", "[]", '{"pins": [{"unknown": 1}]}', '{"pins": 3}'])
def test_damaged(tmp_path, text):
    (tmp_path / "brushwork.lock.json").write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_pins(tmp_path)
    assert caught.value.expected
    assert caught.value.do
