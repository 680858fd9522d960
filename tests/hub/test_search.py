"""Searching the Hub with its real client, against a local server."""

from __future__ import annotations

import pytest
from brushwork.core.errors import DownloadError
from brushwork.core.hub import offline
from brushwork.core.hub.search import search_styles

TAG = "brushwork-style"


@pytest.fixture
def published(hub, make_repo):
    repos = {
        "anna/wild-poppies": (TAG, "conditional-transformer-net", "license:cc0-1.0"),
        "ben/any": (TAG, "adain", "license:mit"),
        "carl/plain": ("text-generation",),
    }
    hub.repos.update({name: make_repo({"m.safetensors": b"x"}, tags=tags) for name, tags in repos.items()})
    hub.repos["dora/secret"] = make_repo({"m.safetensors": b"x"}, tags=(TAG,), private=True)
    return hub


def test_only_tagged_models_are_found_and_their_tags_are_understood(published) -> None:
    cards = {card.model: card for card in search_styles()}
    assert list(cards) == ["anna/wild-poppies", "ben/any"]
    poppies = cards["anna/wild-poppies"]
    assert (poppies.title, poppies.method, poppies.license) == ("wild poppies", "cin", "cc0-1.0")
    assert (poppies.attribution, poppies.place) == ("anna", "hub")
    assert cards["ben/any"].any_style
    assert [card.model for card in search_styles("poppies")] == ["anna/wild-poppies"]
    assert search_styles("no such thing") == []
    assert len(search_styles(limit=1)) == 1


def test_a_named_repository_is_found_without_the_tag_and_a_wrong_name_is_explained(published) -> None:
    assert [card.model for card in search_styles(" carl/plain ")] == ["carl/plain"]
    with pytest.raises(DownloadError, match="no repository anna/nothing") as caught:
        search_styles("anna/nothing")
    assert caught.value.do


def test_offline_and_without_a_server_the_user_learns_what_to_do(published, monkeypatch) -> None:
    offline.set_offline(True)
    try:
        for words in ("", "anna/wild-poppies"):
            with pytest.raises(DownloadError, match="offline") as caught:
                search_styles(words)
            assert "setting" in caught.value.got
    finally:
        offline.set_offline(False)
    assert published.requests == []
    published.status = 501
    with pytest.raises(DownloadError, match="501") as caught:
        search_styles()
    assert caught.value.do
    published.status, published.gone = None, True
    with pytest.raises(DownloadError, match="could not be searched"):
        search_styles()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="could not be searched"):
        search_styles()


def test_a_refused_token_is_told_apart_from_a_bad_network(published, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    for words in ("", "anna/wild-poppies"):
        with pytest.raises(DownloadError, match="does not accept the token") as caught:
            search_styles(words)
        assert "hf auth login" in caught.value.do
