"""Publishing with the real huggingface_hub client to a local Hub, and getting the style back by its repository."""

from __future__ import annotations

import base64
import errno
import io
import json
import logging
import os
import re
import time
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
import yaml
from brushwork.cli.main import main
from brushwork.core.architectures import build_network
from brushwork.core.checkpoints import load_checkpoint, save_checkpoint
from brushwork.core.errors import BrushworkError, ConfigError, DownloadError, PublishError, WeightsNotFoundError
from brushwork.core.hub import resolve_model
from brushwork.core.hub.card import hub_licence, may_be_shown, model_card, row_labels
from brushwork.core.hub.publish import publish
from brushwork.core.hub.repository import check_repo_id, get_repository, parse_repository
from brushwork.core.hub.showcase import Showcase, ShowcaseOptions, make_showcase, published_spec
from brushwork.core.spec import IDENTITY, ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""Of the library's own upload, about its HTTP client."""

OWNER, READER = "hf_owner_may_write", "hf_reader_may_not"
SMALL = {"encoder_widths": (4, 4, 8), "decoder_widths": (4, 4), "blocks": 1, "styles": 4}
FREE, SECRET, CREDITED = "irises", "neighbours-painting", "harbour"
HOME = "/home/somebody/private/photos"


def jpeg(colour: tuple[int, int, int]) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(buffer, "JPEG", quality=95)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def model() -> StyleModel:
    torch.manual_seed(0)
    styles = (
        StyleInfo(FREE, "Irises | blue", 256, jpeg((200, 40, 40)), {"style_weight": 3.5}, "PDM-1.0", "van Gogh, 1889"),
        StyleInfo(SECRET, "By <b>my</b> [neighbour](http://x)", 256, jpeg((40, 200, 40))),
        StyleInfo(CREDITED, license="CC-BY-4.0", thumbnail=jpeg((40, 40, 200)), attribution="A. Painter"),
        StyleInfo(IDENTITY),
    )
    spec = ModelSpec(
        "conditional_transformer_net", SMALL, styles=styles, license="MIT", provenance={"steps": 12, "photos": HOME}
    )
    network = build_network("conditional_transformer_net", SMALL)
    return StyleModel(network, spec)


@pytest.fixture(scope="module")
def photos() -> dict[str, torch.Tensor]:
    return {"first": torch.rand(1, 3, 40, 30), "second": torch.rand(1, 3, 20, 50)}


@pytest.fixture(scope="module")
def showcase(model: StyleModel, photos: dict, tmp_path_factory: pytest.TempPathFactory) -> Showcase:
    return make_showcase(model, model, photos, tmp_path_factory.mktemp("look"), ShowcaseOptions("owner/irises"))


@pytest.fixture
def writable_hub(hub, monkeypatch: pytest.MonkeyPatch):
    """The local Hub, and the owner's token; over LFS, since Xet's servers cannot be stood in for."""
    # huggingface_hub 0.24 checks cards at this constant, which in a process of its own HF_ENDPOINT sets
    monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", hub.endpoint, raising=False)
    monkeypatch.setenv("HF_TOKEN", OWNER)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True, raising=False)
    return hub


def four_parts(error: BaseException) -> str:
    text = str(error)
    assert all(f"\n  {part}: " in text for part in ("expected", "got", "do")), text
    return text


def test_the_folder_holds_the_model_its_card_and_pictures(showcase: Showcase, model: StyleModel, photos: dict) -> None:
    on_disk = {path.relative_to(showcase.folder).as_posix() for path in showcase.folder.rglob("*") if path.is_file()}
    assert on_disk == set(showcase.files)
    card = (showcase.folder / "README.md").read_text(encoding="utf-8")
    _, head, body = card.split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert (metadata["license"], metadata["library_name"]) == ("mit", "brushwork")
    assert metadata["pipeline_tag"] == "image-to-image"
    assert {"brushwork-style", "conditional-transformer-net", "arxiv:1610.07629"} <= set(metadata["tags"])
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", body):
        with Image.open(showcase.folder / path) as image:
            image.load()
    assert "| steps | 12 |" in body
    assert f"| {FREE}: style_weight | 3.5 |" in body
    for name in (FREE, SECRET, CREDITED):
        assert f"images/{name}.jpg" in showcase.files
    with Image.open(showcase.folder / "images" / f"{FREE}.jpg") as painting:
        found = torch.frombuffer(bytearray(painting.tobytes()), dtype=torch.uint8).view(40, 30, 3).float() / 255
    painted = model(photos["first"], FREE)[0].permute(1, 2, 0)
    assert (found - painted).abs().mean() < 0.08  # JPEG of noise
    published = load_checkpoint(showcase.folder / "irises.safetensors")
    assert published.spec.style_names == model.spec.style_names
    torch.testing.assert_close(published(photos["first"]), model(photos["first"]), atol=0.02, rtol=0)


def test_a_picture_is_shown_only_where_its_licence_allows_it(showcase: Showcase) -> None:
    assert f"images/{FREE}--painting.jpg" in showcase.files
    assert f"images/{CREDITED}--painting.jpg" in showcase.files
    assert f"images/{SECRET}--painting.jpg" not in showcase.files
    thumbnails = {
        style.name: style.thumbnail for style in load_checkpoint(showcase.folder / "irises.safetensors").spec.styles
    }
    assert thumbnails[FREE]
    assert thumbnails[CREDITED]
    assert not thumbnails[SECRET]
    anything = ModelSpec("adain", {}, license="MIT", thumbnail=jpeg((9, 9, 9)))
    assert not published_spec(anything, ShowcaseOptions("owner/any")).thumbnail, "painted like pictures of anybody's"
    (note,) = showcase.notes
    assert SECRET in note
    assert FREE not in note
    card = (showcase.folder / "README.md").read_text(encoding="utf-8")
    assert f"not part of this repository: `{SECRET}`" in card


@pytest.mark.parametrize(
    ("licence", "attribution", "shown"),
    [
        ("PDM-1.0", "", True), ("CC0-1.0", "", True), ("CC-BY-4.0", "A. Painter", True), ("CC-BY-SA-3.0", "A", True),
        ("CC-BY-4.0", " ", False), ("CC-BY-NC-4.0", "A", False), ("CC-BY-ND-4.0", "A", False), ("unknown", "A", False),
        ("All rights reserved", "A", False), ("", "", False),
    ],
)  # fmt: skip
def test_licences_of_pictures(licence: str, attribution: str, shown: bool) -> None:
    assert may_be_shown(StyleInfo("a", license=licence, attribution=attribution)) is shown


def test_the_publishers_own_painting_and_its_larger_picture(model, photos, tmp_path: Path) -> None:
    options = ShowcaseOptions("owner/irises", picture_license="CC0-1.0")
    pictures = {SECRET: torch.rand(1, 3, 900, 600), FREE: torch.rand(1, 3, 60, 60), "stranger": torch.rand(1, 3, 9, 9)}
    made = make_showcase(model, model, photos, tmp_path / "own", options, pictures=pictures)
    with Image.open(made.folder / "images" / f"{SECRET}--painting.jpg") as image:
        assert image.size == (341, 512)
    assert not made.notes
    assert not any("stranger" in name for name in made.files)


def test_nothing_of_the_publishers_machine_is_published(showcase: Showcase) -> None:
    for name in showcase.files:
        data = (showcase.folder / name).read_bytes()
        assert b"somebody" not in data, name
        assert b"photos" in data or name != "README.md"


def test_titles_of_others_cannot_write_markup_into_the_card(showcase: Showcase) -> None:
    card = (showcase.folder / "README.md").read_text(encoding="utf-8")
    assert "<b>" not in card
    assert "](http://x)" not in card
    assert "Irises \\| blue" in card


def test_unknown_licence_of_the_weights_is_refused(model, photos, tmp_path: Path) -> None:
    unknown = StyleModel(model.network, model.spec.with_(license="unknown"))
    with pytest.raises(ConfigError, match="licence of the weights") as caught:
        make_showcase(unknown, unknown, photos, tmp_path / "x", ShowcaseOptions("owner/irises"))
    four_parts(caught.value)
    assert not (tmp_path / "x").exists()
    made = make_showcase(
        unknown, unknown, photos, tmp_path / "x", ShowcaseOptions("owner/irises", license="My own 1.0")
    )
    head = yaml.safe_load((made.folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert (head["license"], head["license_name"]) == ("other", "My own 1.0")
    assert hub_licence("Apache-2.0") == ("apache-2.0", "")


def test_a_folder_with_other_things_is_left_alone_and_an_earlier_run_is_renewed(model, photos, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="other things"):
        make_showcase(model, model, photos, folder, ShowcaseOptions("owner/irises"))
    assert (folder / "README.md").read_text() == "mine"
    for title in ("one", "two"):
        one = {"first": photos["first"]}
        made = make_showcase(model, model, one, tmp_path / "again", ShowcaseOptions("owner/irises", title=title))
    assert "# two" in (made.folder / "README.md").read_text(encoding="utf-8")


def test_an_any_style_model_shows_pictures_as_styles(photos, tmp_path: Path) -> None:
    network = build_network("microast", {"widths": (4, 4, 4)})
    model = StyleModel(network, ModelSpec("microast", {"widths": (4, 4, 4)}, license="MIT"))
    made = make_showcase(
        model,
        model,
        photos,
        tmp_path / "any",
        ShowcaseOptions("owner/any"),
        pictures={"a b/ü": torch.rand(1, 3, 30, 30)},
    )
    assert "images/a-b.jpg" in made.files
    assert "Any picture" in (made.folder / "README.md").read_text(encoding="utf-8")


def test_progress_counts_paintings_and_may_interrupt(model, photos, tmp_path: Path) -> None:
    steps = []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_showcase(model, model, photos, tmp_path / "x", ShowcaseOptions("owner/irises"), progress=progress)
    assert steps == [(1, 9), (2, 9), (3, 9)]


def test_published_and_got_back(showcase: Showcase, writable_hub, tmp_path: Path, photos: dict) -> None:
    url = publish(showcase, "owner/irises")
    assert url == f"{writable_hub.endpoint}/owner/irises"
    repo = writable_hub.repos["owner/irises"]
    assert repo.files == {name: (showcase.folder / name).read_bytes() for name in showcase.files}
    assert repo.messages == ["Publish with Brushwork"]  # one commit: a reader never sees half of it
    assert not repo.private
    path = get_repository("owner/irises", tmp_path / "models")
    assert path == tmp_path / "models" / "owner" / "irises" / "irises.safetensors"
    assert load_checkpoint(path).spec.style_names[0] == FREE
    writable_hub.status = 503  # from here on nothing may be asked
    assert get_repository("owner/irises", tmp_path / "models") == path
    assert resolve_model("owner/irises", [tmp_path / "models"]) == path
    assert resolve_model("owner/irises/irises.safetensors", [tmp_path / "models"]) == path


def test_a_second_time_updates_and_keeps_what_others_added(showcase, writable_hub, model, photos, tmp_path) -> None:
    publish(showcase, "owner/irises", private=True)
    repo = writable_hub.repos["owner/irises"]
    assert repo.private
    repo.files["notes.md"] = b"by hand"
    again = make_showcase(
        model, model, photos, showcase.folder, ShowcaseOptions("owner/irises", title="Irises, better")
    )
    publish(again, "owner/irises")
    assert repo.files["notes.md"] == b"by hand"
    assert b"Irises, better" in repo.files["README.md"]


@pytest.mark.parametrize(
    ("token", "repo_id", "words"),
    [
        (None, "owner/irises", "hf auth login"),
        (READER, "owner/irises", "may not write"),
        (OWNER, "somebody-else/irises", "may not write"),
        ("hf_revoked0123", "owner/irises", "does not accept the token"),
    ],
)
def test_refusals_say_what_to_do(showcase, writable_hub, monkeypatch, token, repo_id: str, words: str, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PublishError, match=words) as caught:
        publish(showcase, repo_id)
    text = four_parts(caught.value)
    assert not writable_hub.repos
    for secret in (OWNER, READER, "hf_revoked0123"):
        assert secret not in text + caplog.text


@pytest.mark.parametrize("status", [507, 500, 413])
def test_bytes_that_do_not_arrive_are_never_committed(showcase, writable_hub, status: int, monkeypatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the library's pauses between its retries
    writable_hub.upload_status = status
    with pytest.raises(PublishError, match="was not published") as caught:
        publish(showcase, "owner/irises")
    assert f"status {status}" in four_parts(caught.value)
    assert not writable_hub.repos["owner/irises"].files


def test_cancel_while_bytes_travel_commits_nothing(showcase, writable_hub) -> None:
    writable_hub.seconds_per_upload = 2.0
    cancelled: list[float] = []

    def waiting() -> None:
        if any(request.method == "PUT" for request in list(writable_hub.requests)):
            cancelled.append(time.monotonic())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(showcase, "owner/irises", waiting=waiting)
    assert time.monotonic() - cancelled[0] < 1.5, "the upload is not waited for"
    deadline = time.monotonic() + 20
    while not writable_hub.uploads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert writable_hub.uploads, "the upload that was under way ends"
    time.sleep(0.3)  # nothing may follow it
    assert not writable_hub.repos["owner/irises"].files


def test_without_network_and_offline(showcase, writable_hub, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PublishError, match="offline mode"):
        publish(showcase, "owner/irises")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(PublishError, match="upload failed") as caught:
        publish(showcase, "owner/irises")
    four_parts(caught.value)


def test_a_full_disk_while_the_folder_is_written(model, photos, tmp_path: Path, monkeypatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrushworkError, match="cannot be written") as caught:
        make_showcase(model, model, photos, tmp_path / "x", ShowcaseOptions("owner/irises"))
    assert "free disk space" in four_parts(caught.value)
    assert not [path for path in (tmp_path / "x").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", ("owner/name", "", "main")),
        (" owner/name@v2 ", ("owner/name", "", "v2")),
        ("owner/name/sub/a b.pth@abc123", ("owner/name", "sub/a b.pth", "abc123")),
        ("https://huggingface.co/owner/name", ("owner/name", "", "main")),
        ("https://huggingface.co/owner/name/", ("owner/name", "", "main")),
        ("https://huggingface.co/owner/name/blob/v1/x.pth", ("owner/name", "x.pth", "v1")),
        ("https://hf-mirror.com/owner/name/tree/main", ("owner/name", "", "main")),
        ("name", None), ("", None), ("../../etc/passwd", None), ("owner/../../x", None), ("owner/name/../../x", None),
        ("C:\\models\\x.pth", None), ("/etc/passwd", None), ("owner/na me", None), ("owner/name/.hidden", None),
    ],
)  # fmt: skip
def test_what_a_user_types_for_a_repository(text: str, expected: tuple | None) -> None:
    reference = parse_repository(text)
    found = reference and (reference.repo_id, reference.filename, reference.revision)
    assert found == expected


@pytest.mark.parametrize("text", ["", "name", "owner/", "owner/name/file.pth", "a b/c", "own--er/name", "x/y..z"])
def test_no_name_of_a_repository(text: str) -> None:
    with pytest.raises(ConfigError, match="no repository") as caught:
        check_repo_id(text)
    four_parts(caught.value)


def test_get_into_the_hubs_cache_and_offline_again(showcase, writable_hub, monkeypatch) -> None:
    publish(showcase, "owner/irises")
    path = resolve_model("owner/irises")
    assert path.read_bytes() == writable_hub.repos["owner/irises"].files["irises.safetensors"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve_model("owner/irises") == path
    with pytest.raises(DownloadError, match="offline mode"):
        resolve_model("owner/other")


def test_another_revision_lies_beside(hub, make_repo, tmp_path: Path) -> None:
    hub.repos["owner/two"] = make_repo({"a.pth": b"one" * 500}, revisions=("main", "v2"))
    first = get_repository("owner/two", tmp_path)
    hub.repos["owner/two"] = make_repo({"a.pth": b"two" * 500}, revisions=("main", "v2"), commit="1" * 40)
    second = get_repository("owner/two@v2", tmp_path)
    assert (first.read_bytes(), second.read_bytes()) == (b"one" * 500, b"two" * 500)
    assert get_repository("owner/two", tmp_path) == first


def test_repositories_that_cannot_be_had(hub, make_repo, tmp_path: Path, monkeypatch) -> None:
    hub.repos["owner/many"] = make_repo({"a.safetensors": b"1", "b.safetensors": b"2", "c.pth": b"3"})
    hub.repos["owner/none"] = make_repo({"README.md": b"words"})
    hub.repos["owner/gated"] = make_repo({"a.safetensors": b"1"}, gated=True)
    hub.repos["owner/empty"] = make_repo({"a.safetensors": b""}, lfs=False)
    expected = {
        "owner/many": (WeightsNotFoundError, "Name one: owner/many/a.safetensors"),
        "owner/none": (WeightsNotFoundError, "has no model"),
        "owner/gated": (DownloadError, "Accept the licence at"),
        "owner/empty": (DownloadError, "is empty"),
        "owner/missing": (DownloadError, "has no repository owner/missing"),
        "owner/many@v9": (DownloadError, "no revision"),
        "owner/many/d.pth": (DownloadError, "no file"),
    }
    for text, (kind, words) in expected.items():
        with pytest.raises(kind, match=re.escape(words)) as caught:
            get_repository(text, tmp_path)
        four_parts(caught.value)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="Check the network") as caught:
        get_repository("owner/many", tmp_path)
    four_parts(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and ".locks" not in path.parts]


def test_the_commands(writable_hub, model, tmp_path: Path, capsys, monkeypatch) -> None:
    file = save_checkpoint(model, tmp_path / "mine.safetensors")
    photo = tmp_path / "photo.png"
    Image.new("RGB", (20, 30), (90, 120, 200)).save(photo)
    common = ["publish", str(file), "--repo", "owner/mine", "--photo", str(photo), "--device", "cpu"]
    monkeypatch.delenv("HF_TOKEN")
    assert main([*common, "--dry-run", str(tmp_path / "look")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "look")
    assert SECRET in said.err
    assert (tmp_path / "look" / "mine.safetensors").is_file()
    assert not writable_hub.requests
    assert main(common) == 2
    assert "hf auth login" in capsys.readouterr().err
    monkeypatch.setenv("HF_TOKEN", OWNER)
    assert main([*common, "--title", "My irises"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == f"{writable_hub.endpoint}/owner/mine"
    assert OWNER not in said.out + said.err
    assert main(["models", "get", "owner/mine", "--models-dir", str(tmp_path / "models")]) == 0
    got = Path(capsys.readouterr().out.strip())
    assert load_checkpoint(got).spec.title == "My irises"
    assert main(["stylize", str(photo), "-o", str(tmp_path / "out.png"), "--model", "owner/mine"]) == 0
    assert main(["models", "get", "owner/nothing"]) == 2
    assert "Check the spelling" in capsys.readouterr().err


def test_the_index_describes_the_repository(showcase: Showcase) -> None:
    index = json.loads((showcase.folder / "brushwork.json").read_text(encoding="utf-8"))
    assert index["bytes"] == (showcase.folder / index["filename"]).stat().st_size
    for style in index["styles"]:
        for kind in ("picture", "painting"):
            assert style[kind] is None or style[kind] in showcase.files


def test_a_card_without_a_record_or_styles() -> None:
    from brushwork.core.hub.card import CardFiles

    card = model_card(
        ModelSpec("adain", {}, license="MIT"), "owner/name", CardFiles("name.safetensors", "images/overview.jpg")
    )
    assert "Training record" not in card
    assert "# name" in card


def test_one_painting_at_two_stroke_sizes_has_two_labels():
    styles = ("night--small", "The Night"), ("night--large", "The Night"), ("wave--large", "The Wave"), ("own", "")
    spec = ModelSpec("adain", {}, styles=tuple(StyleInfo(name, title) for name, title in styles))
    labels = row_labels(["night--small", "night--large", "wave--large", "own", "photo.jpg"], spec)
    assert labels == ["The Night, small strokes", "The Night, large strokes", "The Wave", "own", "photo.jpg"]
