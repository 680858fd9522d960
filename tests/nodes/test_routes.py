"""What the page may ask for: lists, thumbnails, previews, downloads; and that no name leads out of the folders."""

from __future__ import annotations

import importlib
import io
import json
import shutil
from pathlib import Path

import pytest
from brushwork.core.errors import BrushworkError, ConfigError, DownloadError, ImageError, WeightsNotFoundError
from brushwork.core.hub import offline
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def routes(host):
    """The module, with an input folder that has one photo, and a file outside of it."""
    base = host.models.parents[1]
    (base / "input" / "sub").mkdir(parents=True)
    Image.new("RGB", (24, 12), "teal").save(base / "input" / "sub" / "photo.png")
    Image.new("RGB", (24, 12), "teal").save(base / "secret.png")
    module = importlib.import_module("brushwork.nodes._routes")
    yield module
    module._previewer.forget()
    offline.set_offline(False)


@pytest.fixture
def settings(host):
    """settings(id=value, …): as ComfyUI's server would have stored them."""

    def store(**values: object):
        path = host.models.parents[1] / "user" / "default" / "comfy.settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({f"Brushwork.{name}": value for name, value in values.items()}), encoding="utf-8")
        return importlib.import_module("brushwork.nodes._settings").current()

    yield store
    offline.set_offline(False)


def test_the_list_speaks_the_names_of_load_style_model(host, routes) -> None:
    shutil.copy(ROOT / "weights" / "cin-starter.safetensors", host.models / "copy.safetensors")
    answer = json.loads(json.dumps(routes.styles({})))
    choices = importlib.import_module("brushwork.nodes._library").model_choices()
    cards = answer["styles"]
    assert {card["model"] for card in cards} == set(choices)
    assert {card["place"] for card in cards} == {"bundled", "local", "hub"}
    assert all(card["model"].endswith(" (hub)") for card in cards if card["place"] == "hub")
    shown = next(card for card in cards if card["thumbnail"])
    assert routes.thumbnail({"digest": shown["thumbnail"]}).startswith(b"\xff\xd8\xff")


def test_thumbnails_are_found_after_a_restart_and_nothing_else_is(routes) -> None:
    digest = next(card["thumbnail"] for card in routes.styles({})["styles"] if card["thumbnail"])
    routes._catalogue.__init__()
    assert routes.thumbnail({"digest": digest}).startswith(b"\xff\xd8\xff")
    for wrong in ("", "../../secret.png", "0" * 16):
        with pytest.raises(WeightsNotFoundError):
            routes.thumbnail({"digest": wrong})


def test_a_preview_of_the_users_photo_and_of_the_sample(routes) -> None:
    asked = {"model": "cin-starter", "style": "great-wave"}
    own = Image.open(io.BytesIO(routes.preview({**asked, "photo": "sub/photo.png [input]"})))
    assert own.size == (24, 12)
    assert Image.open(io.BytesIO(routes.preview(asked))).width == 256


@pytest.mark.parametrize(
    "photo", ["../secret.png", "../secret.png [input]", "sub/../../secret.png", "/etc/passwd", "no.png", "sub"]
)
def test_a_photo_stays_inside_comfyuis_folders(host, routes, photo: str) -> None:
    for name in (photo, str(host.models.parents[1] / "secret.png")):
        for key in ("photo", "style_picture"):
            with pytest.raises(ImageError, match="no picture"):
                routes.preview({"model": "cin-starter", key: name})


@pytest.mark.parametrize("handler", ["preview", "download"])
def test_only_models_of_the_list_are_taken(host, routes, handler: str) -> None:
    outside = host.models.parent / "outside.safetensors"
    shutil.copy(ROOT / "weights" / "cin-starter.safetensors", outside)
    for name in ("", str(outside), "../outside.safetensors", "weights/cin-starter.safetensors", "owner/name"):
        with pytest.raises(WeightsNotFoundError, match="no model"):
            getattr(routes, handler)({"model": name})


def test_what_is_still_on_the_hub_is_not_painted_with(routes, monkeypatch) -> None:
    name = next(card["model"] for card in routes.styles({})["styles"] if card["place"] == "hub")
    with pytest.raises(WeightsNotFoundError, match="not on this machine"):
        routes.preview({"model": name})


def test_a_download_reports_and_renews_the_lists(host, routes, monkeypatch) -> None:
    name = next(card["model"] for card in routes.styles({})["styles"] if card["place"] == "hub")
    asked = []

    def resolve(title, folders, progress):
        asked.append((title, folders[0]))
        progress(5, 10)
        progress(10, 10)
        return (Path("x"),)

    monkeypatch.setattr(routes, "resolve_files", resolve)
    assert routes.download({"model": name}) == {"cancelled": False, "model": name}
    assert asked == [(name.removesuffix(" (hub)"), host.models)]
    assert host.messages == ["brushwork.download", "brushwork.download", "brushwork.models_changed"]


def test_what_a_search_has_shown_can_be_downloaded_and_nothing_else(host, routes, monkeypatch) -> None:
    from brushwork.core.hub.search import _card

    def get(name, folder, progress):
        return folder / name / "style.safetensors"

    monkeypatch.setattr(routes, "get_repository", get)
    monkeypatch.setattr(routes, "search_styles", lambda words: [_card(f"owner/{words}", [])])
    assert [card["model"] for card in routes.search({"words": "poppies"})["styles"]] == ["owner/poppies"]
    answer = routes.download({"model": "owner/poppies"})
    assert answer == {"cancelled": False, "model": "owner/poppies/style.safetensors"}
    with pytest.raises(WeightsNotFoundError):
        routes.download({"model": "owner/other"})


def test_a_cancelled_download_changes_nothing(host, routes, monkeypatch) -> None:
    name = next(card["model"] for card in routes.styles({})["styles"] if card["place"] == "hub")

    def resolve(title, folders, progress):
        assert routes.cancel({"model": name}) == {"stopped": True}
        progress(1, 2)

    monkeypatch.setattr(routes, "resolve_files", resolve)
    assert routes.download({"model": name}) == {"cancelled": True, "model": name}
    assert "brushwork.models_changed" not in host.messages
    assert routes.cancel({"model": name}) == {"stopped": False}


def test_offline_a_download_says_what_to_do(routes, settings) -> None:
    settings(Offline=True)
    answer = routes.styles({})
    assert "setting" in answer["offline"]
    name = next(card["model"] for card in answer["styles"] if card["place"] == "hub")
    with pytest.raises(DownloadError, match="offline") as caught:
        routes.download({"model": name})
    assert caught.value.do


def test_a_further_folder_must_be_there(routes, tmp_path: Path) -> None:
    assert routes.folder({"path": f" {tmp_path} "}) == {"path": str(tmp_path)}
    for wrong in ("", "relative", str(tmp_path / "missing"), 7, "x" * 5000, "/tmp\x00"):
        with pytest.raises(ConfigError):
            routes.folder({"path": wrong})


def test_settings_hold_from_the_next_run_on(host, routes, settings, tmp_path: Path) -> None:
    assert settings().precision == "auto"
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(ROOT / "weights" / "cin-starter.safetensors", more / "far.safetensors")
    missing = str(tmp_path / "nowhere")
    found = settings(Precision="fast", MaxMemoryGiB=1.5, ModelFolders=[str(more), missing, "rel", 3], Offline=False)
    assert (found.precision, found.max_memory_bytes, found.folders) == ("fast", 3 << 29, (more,))
    assert routes.facts({}) == {"folders": [str(host.models), str(more)], "offline": None}
    assert "far.safetensors" in {card["model"] for card in routes.styles({})["styles"]}


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '{"Brushwork.MaxMemoryGiB": "lots", "Brushwork.Precision": {}}'])
def test_settings_that_make_no_sense_count_as_not_set(host, routes, settings, nonsense: str) -> None:
    module = importlib.import_module("brushwork.nodes._settings")
    settings(Precision="fast")
    path = host.models.parents[1] / "user" / "default" / "comfy.settings.json"
    path.write_text(nonsense, encoding="utf-8")
    assert module.current() == module.Settings()


@pytest.mark.usefixtures("fast_is_bf16")
def test_auto_means_what_the_settings_say(host, hosted, settings) -> None:
    import torch

    assert hosted["fixed"].stylizer("auto", 1, 8, 8).dtype == torch.float32
    settings(Precision="fast")
    assert hosted["fixed"].stylizer("auto", 1, 8, 8).dtype == torch.bfloat16
    assert hosted["fixed"].stylizer("exact", 1, 8, 8).dtype == torch.float32


def test_a_bound_of_memory_holds_for_painting_and_for_the_room_that_is_asked_for(host, hosted, settings) -> None:
    assert hosted["fixed"].stylizer("exact", 1, 4096, 4096).painter.max_memory is None
    settings(MaxMemoryGiB=0.25)
    assert hosted["fixed"].stylizer("exact", 1, 4096, 4096).painter.max_memory == 1 << 28
    assert host.room[0] > 1 << 28 >= host.room[1]
    hosted["fixed"].stylizer("exact", 1, 64, 64)
    assert host.room[2] < host.room[1]


def test_errors_reach_the_page_in_four_parts(host, routes) -> None:
    seam = importlib.import_module("brushwork.nodes._host_routes")

    def fails(error: Exception):
        def handler(_: object) -> None:
            raise error

        return seam.answer(handler, {})

    parts = {"expected": "e", "got": "g", "do": "d"}
    for error, status in (
        (BrushworkError("w", **parts), 400),
        (DownloadError("w", **parts), 502),
        (WeightsNotFoundError("w", **parts), 404),
    ):
        assert fails(error) == (status, {"error": {"what": "w", **parts}})
    status, body = fails(ZeroDivisionError("x"))
    assert status == 500
    assert all(body["error"].values())
    assert seam.answer(routes.facts, {})[0] == 200


def test_the_routes_are_registered_with_the_nodes(host, routes) -> None:
    routes.register()
    paths = {path for _, path in host.routes.known}
    assert paths >= {"/brushwork/styles", "/brushwork/preview", "/brushwork/download"}
    assert all(path.startswith("/brushwork/") for path in paths)
