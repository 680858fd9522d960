"""Cards of the style browser, made of real headers and manifest entries."""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
import time
from pathlib import Path

import pytest
from brushwork.core.hub import browse, offline
from brushwork.core.hub.browse import Catalogue, cards_from_header, jpeg_from_base64, method_of
from brushwork.core.hub.client import describe
from brushwork.core.hub.jobs import Cancelled, Downloads
from brushwork.core.hub.manifest import load_manifest
from PIL import Image


def jpeg(color: str, side: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), color).save(buffer, "JPEG")
    return buffer.getvalue()


def write_model(path: Path, **header: object) -> Path:
    """A safetensors file without tensors, as far as browsing looks."""
    described = {"format_version": 1, "architecture": "transformer_net", "hyperparameters": {}, "styles": [], **header}
    head = json.dumps({"__metadata__": {"brushwork": json.dumps(described)}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    return path


def style(name: str, **fields: object) -> dict:
    return {"name": name, "title": "", "thumbnail": "", "license": "unknown", "attribution": "", **fields}


def test_the_bundled_painter_shows_each_painting_once_and_never_the_identity(hub_env: Path) -> None:
    cards = [card for card in Catalogue().cards() if card.place == "bundled" and card.method == "cin"]
    entry = load_manifest()["cin-starter"]
    assert [card.style for card in cards] == [name for name in entry.styles if name != "identity"]
    assert cards[0].title == "The Starry Night"
    assert "Gogh" in cards[0].attribution
    for card in cards:
        picture = Image.open(io.BytesIO(card.thumbnail))
        assert min(picture.size) >= 48, "a thumbnail that can be seen"


def test_local_files_say_what_they_are_and_others_are_listed_by_name(tmp_path: Path, hub_env: Path) -> None:
    thumbnail = base64.b64encode(jpeg("red")).decode()
    styles = [style("poppies--small", title="Poppies", thumbnail=thumbnail), style("poppies--large"), style("identity")]
    write_model(tmp_path / "mine" / "two.safetensors", styles=styles, license="CC0-1.0", title="My two")
    write_model(tmp_path / "batch.safetensors", hyperparameters={"norm": "batch"}, styles=[style("one")], title="One")
    write_model(tmp_path / "any.safetensors", architecture="msg_net", styles=[style("a"), style("b")])
    write_model(tmp_path / "encoder.safetensors", kind="encoder", architecture="vgg")
    (tmp_path / "old.pth").write_bytes(b"whatever")
    (tmp_path / "broken.safetensors").write_bytes(b"")
    found = {(card.model, card.style): card for card in Catalogue().cards([tmp_path]) if card.place == "local"}
    small, large = found["mine/two.safetensors", "poppies--small"], found["mine/two.safetensors", "poppies--large"]
    assert (small.title, small.stroke, small.license, small.thumbnail) == ("Poppies", "small", "CC0-1.0", jpeg("red"))
    assert (large.title, large.stroke, large.thumbnail) == ("Poppies", "large", b"")
    assert found["batch.safetensors", "one"].method == "vanilla"
    assert found["batch.safetensors", "one"].title == "One", "one style: the model's title says more than its name"
    assert found["any.safetensors", ""].any_style
    assert found["old.pth", ""].method == "unknown"
    assert found["broken.safetensors", ""].method == "unknown"
    assert not [key for key in found if "encoder" in key[0] or key[1] == "identity"]


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path, hub_env: Path, monkeypatch) -> None:
    path = write_model(tmp_path / "m.safetensors", styles=[style("before")])
    catalogue, read = Catalogue(), []
    original = browse.read_native_header
    monkeypatch.setattr(browse, "read_native_header", lambda path: read.append(path.name) or original(path))

    def shown() -> list[str]:
        return [card.style for card in catalogue.cards([tmp_path]) if card.place == "local"]

    assert shown() == shown() == ["before"]
    assert read.count("m.safetensors") == 1
    write_model(path, styles=[style("afterwards")])
    assert shown() == ["afterwards"]


def test_what_is_on_the_hub_only_comes_from_the_manifest(hub_env: Path, make_entry) -> None:
    thumbnail = base64.b64encode(jpeg("blue")).decode()
    (card,) = cards_from_header({}, "Candy", "hub", make_entry(thumbnail=thumbnail, bytes=7))
    assert (card.title, card.style, card.method, card.license, card.bytes) == ("Candy", "candy", "in", "MIT", 7)
    assert card.thumbnail == jpeg("blue")
    own = base64.b64encode(jpeg("red")).decode()
    (card,) = cards_from_header({"architecture": "adain", "thumbnail": own}, "Any", "local")
    assert card.thumbnail == jpeg("red"), "what an any-style model paints, from its own file"
    several = cards_from_header({}, "Candy", "hub", make_entry(styles=["a-b--small", "c"], thumbnail=thumbnail))
    assert [card.title for card in several] == ["A b", "C"]
    assert not any(card.thumbnail for card in several), "one picture of a model is no picture of each of its styles"


def test_every_architecture_has_a_method() -> None:
    from brushwork.core.architectures import ARCHITECTURES

    methods = {name: method_of({"architecture": name}) for name in ARCHITECTURES}
    assert "unknown" not in methods.values(), methods
    kinds = {name: entry.style_kind == "image" for name, entry in ARCHITECTURES.items()}
    assert kinds == {name: method in browse.ANY_STYLE for name, method in methods.items()}


@pytest.mark.parametrize("text", ["", None, "no base64!", base64.b64encode(b"<svg onload=x>").decode(), "/9j/" * 30000])
def test_only_small_jpegs_count_as_thumbnails(text: str | None) -> None:
    assert jpeg_from_base64(text) == b""


def test_headers_that_make_no_sense_still_give_a_card() -> None:
    header = {"title": 7, "styles": [3, {"name": ["x"]}, {"name": "fine", "thumbnail": 1}], "architecture": {}}
    (card,) = cards_from_header(header, "odd.safetensors", "local")
    assert (card.style, card.title, card.method) == ("fine", "odd.safetensors", "unknown")
    json.dumps(card.to_dict())


def test_thumbnails_are_named_by_content(hub_env: Path) -> None:
    catalogue = Catalogue()
    card = next(card for card in catalogue.cards() if card.thumbnail)
    assert catalogue.thumbnail(card.to_dict()["thumbnail"]) == card.thumbnail
    assert catalogue.thumbnail("../../etc/passwd") is None


def test_the_hosts_switch_forbids_the_network(hub, make_repo, make_entry) -> None:
    hub.repos["owner/paint"] = make_repo({"models/candy.pth": b"x"})
    offline.set_offline(True)
    try:
        with pytest.raises(Exception, match="offline mode is on") as caught:
            describe(make_entry().source)
        assert "setting" in str(caught.value)
        assert hub.requests == []
    finally:
        offline.set_offline(False)
    assert describe(make_entry().source).bytes == 1


def test_a_cancelled_download_stops_at_the_next_chunk() -> None:
    downloads, seen = Downloads(), []

    def fetch(progress) -> None:
        for done in range(10_000):
            progress(done, 10_000)
            time.sleep(0.001)

    def run() -> None:
        with pytest.raises(Cancelled):
            downloads.run("candy", fetch, lambda done, total: seen.append((done, total)))
        seen.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    while not seen:
        time.sleep(0.001)
    assert not downloads.cancel("another")
    assert downloads.cancel("candy")
    thread.join(5)
    assert seen[-1] == "stopped"
    assert seen[0] == (0, 10_000)
    assert not downloads.cancel("candy"), "it is over"
    assert downloads.run("candy", lambda progress: progress(1, 1) or "done", lambda *_: None) == "done"
