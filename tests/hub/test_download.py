"""Downloads with the real huggingface_hub client against a local Hub."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from brushwork.core.errors import BrushworkError, ChecksumMismatchError, DownloadError
from brushwork.core.hub import download_weights, find_weights, part_file
from brushwork.core.hub.local import local_path

DATA = bytes(range(256)) * 4096 + b"the end"  # 1 MiB and a bit
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def paint(hub, make_repo):
    """The repository that the entry of `make_entry` names."""
    hub.repos["owner/paint"] = make_repo({"models/candy.pth": DATA})
    return hub


def left(folder: Path) -> set[str]:
    """Files of a models folder, without what Brushwork keeps there on purpose."""
    files = {p.name for p in folder.rglob("*") if p.is_file() and ".locks" not in p.parts} if folder.exists() else set()
    return files - {"brushwork.lock.json"}


def four_parts(error: BrushworkError) -> bool:
    return all((error.what, error.expected, error.got, error.do))


def test_download_is_verified_pinned_and_reported(paint, make_entry, tmp_path):
    seen = []
    path = download_weights(make_entry(sha256=SHA256, bytes=len(DATA)), tmp_path / "m", lambda *p: seen.append(p))
    assert path == tmp_path / "m" / "candy.pth"
    assert path.read_bytes() == DATA
    assert left(tmp_path / "m") == {"candy.pth"}
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 2
    (pin,) = json.loads((tmp_path / "m" / "brushwork.lock.json").read_text())["pins"]
    assert (pin["commit"], pin["sha256"], pin["bytes"]) == (paint.repos["owner/paint"].commit, SHA256, len(DATA))
    assert paint.body_bytes() == len(DATA)


def test_second_call_needs_no_network(paint, make_entry, tmp_path):
    first = download_weights(make_entry(), tmp_path)
    paint.requests.clear()
    assert download_weights(make_entry(), tmp_path) == first
    assert paint.requests == []


def test_cache_is_the_hubs_own(paint, make_entry, hub_env, monkeypatch):
    path = download_weights(make_entry())
    assert path.read_bytes() == DATA
    assert path.is_relative_to(hub_env / "hub" / "models--owner--paint" / "snapshots")
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    found = try_to_load_from_cache("owner/paint", "models/candy.pth", cache_dir=hub_env / "hub")
    assert found == str(path)
    report = scan_cache_dir(hub_env / "hub")
    assert not report.warnings
    assert [repo.repo_id for repo in report.repos] == ["owner/paint"]
    paint.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert local_path(make_entry()) == path
    assert download_weights(make_entry()) == path
    assert paint.requests == []


def test_spaces_and_files_outside_lfs(hub, make_repo, make_entry, tmp_path):
    hub.repos["spaces/owner/paint"] = make_repo({"models/candy.pth": DATA}, lfs=False)
    path = download_weights(make_entry(source={"repo_type": "space"}), tmp_path)
    assert path.read_bytes() == DATA
    assert json.loads((tmp_path / "brushwork.lock.json").read_text())["pins"][0]["sha256"] == SHA256


def test_git_hash_is_checked_where_no_sha256_is_published(hub, make_repo, make_entry, tmp_path):
    hub.repos["owner/paint"] = make_repo({"models/candy.pth": DATA}, lfs=False, etags={"models/candy.pth": "ab" * 20})
    with pytest.raises(ChecksumMismatchError) as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert left(tmp_path) == set()


def test_resume_after_a_cut_connection(paint, make_entry, tmp_path):
    paint.cut_after = len(DATA) // 2
    with pytest.raises(DownloadError) as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    (part,) = left(tmp_path)
    assert part.endswith(".part")
    have = (tmp_path / part).stat().st_size
    assert 0 < have < len(DATA)
    paint.requests.clear()
    seen = []
    path = download_weights(make_entry(), tmp_path, lambda *p: seen.append(p))
    assert path.read_bytes() == DATA
    assert seen[0] == (have, len(DATA))
    assert paint.gets()[0].range == f"bytes={have}-"
    assert paint.body_bytes() == len(DATA) - have
    assert left(tmp_path) == {"candy.pth"}


def test_resume_from_a_server_without_ranges_starts_again(paint, make_entry, tmp_path):
    paint.cut_after = len(DATA) // 2
    with pytest.raises(DownloadError):
        download_weights(make_entry(), tmp_path)
    paint.ignores_range = True
    assert download_weights(make_entry(), tmp_path).read_bytes() == DATA


def test_a_spoilt_part_is_found_out(paint, make_entry, tmp_path):
    paint.cut_after = len(DATA) // 2
    with pytest.raises(DownloadError):
        download_weights(make_entry(), tmp_path)
    part = tmp_path / left(tmp_path).pop()
    part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(ChecksumMismatchError):
        download_weights(make_entry(), tmp_path)
    assert left(tmp_path) == set()


def test_wrong_bytes_leave_no_file(hub, make_repo, make_entry, tmp_path):
    # The Hub publishes the promised hash and delivers something else.
    hub.repos["owner/paint"] = make_repo({"models/candy.pth": DATA}, etags={"models/candy.pth": "0" * 64})
    for entry in (make_entry(), make_entry(sha256="0" * 64)):
        with pytest.raises(ChecksumMismatchError) as caught:
            download_weights(entry, tmp_path)
        assert four_parts(caught.value)
        assert SHA256 in caught.value.got
        assert left(tmp_path) == set()


@pytest.mark.parametrize("known", [{"sha256": "1" * 64}, {"bytes": 17}])
def test_another_file_on_the_hub_is_not_even_downloaded(paint, make_entry, tmp_path, known):
    with pytest.raises(ChecksumMismatchError) as caught:
        download_weights(make_entry(**known), tmp_path)
    assert four_parts(caught.value)
    assert paint.body_bytes() == 0
    assert left(tmp_path) == set()


def test_first_use_is_pinned(paint, make_repo, make_entry, tmp_path):
    download_weights(make_entry(), tmp_path).unlink()
    # the same commit with other bytes: refused
    paint.repos["owner/paint"] = make_repo({"models/candy.pth": DATA[:-1] + b"!"})
    with pytest.raises(ChecksumMismatchError):
        download_weights(make_entry(), tmp_path)
    # the branch moves on: the pinned commit is asked for, and when it is gone the message says so
    paint.repos["owner/paint"] = make_repo({"models/candy.pth": b"new"}, commit="f" * 40)
    with pytest.raises(DownloadError, match="revision"):
        download_weights(make_entry(), tmp_path)
    assert left(tmp_path) == set()


def test_a_changed_local_file_is_found_out(paint, make_entry, tmp_path):
    path = download_weights(make_entry(), tmp_path)
    path.write_bytes(DATA[:-1] + b"?")
    with pytest.raises(ChecksumMismatchError):
        local_path(make_entry(), [tmp_path])
    with pytest.raises(ChecksumMismatchError):
        find_weights("candy.pth", [tmp_path])
    assert path.exists()


def test_a_file_of_the_user_is_not_overwritten(paint, make_entry, tmp_path):
    (tmp_path / "candy.pth").write_bytes(b"mine")
    with pytest.raises(ChecksumMismatchError) as caught:
        download_weights(make_entry(sha256=SHA256), tmp_path)
    assert "rename" in caught.value.do
    assert (tmp_path / "candy.pth").read_bytes() == b"mine"
    assert find_weights("candy.pth", [tmp_path]) == tmp_path / "candy.pth"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ({"filename": "none.pth"}, "no file"),
        ({"repo_id": "owner/none"}, "no repository"),
        ({"revision": "none"}, "no revision"),
    ],
)
def test_missing_things_are_told_apart(paint, make_entry, tmp_path, source, word):
    with pytest.raises(DownloadError, match=word) as caught:
        download_weights(make_entry(source=source), tmp_path)
    assert four_parts(caught.value)
    assert left(tmp_path) == set()


def test_gated_says_where_to_accept(paint, make_entry, tmp_path, monkeypatch):
    paint.repos["owner/paint"].gated = True
    for token in (None, "hf_wrong"):
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(DownloadError, match="gated") as caught:
            download_weights(make_entry(), tmp_path)
        assert four_parts(caught.value)
        assert f"{paint.endpoint}/owner/paint" in caught.value.do
        assert "HF_TOKEN" in caught.value.do
        assert "hf_wrong" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "hf_accepted")
    assert download_weights(make_entry(), tmp_path).read_bytes() == DATA
    sent = [request.authorization for request in paint.requests if request.path.startswith("/cdn/")]
    assert sent == [None]


def test_a_token_that_the_hub_refuses_and_an_account_that_may_not_read(paint, make_entry, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(DownloadError, match="does not accept the token") as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert "hf auth login" in caught.value.do
    monkeypatch.setenv("HF_TOKEN", "hf_without_permission")
    paint.status = 403
    with pytest.raises(DownloadError, match="does not let this account read") as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert f"{paint.endpoint}/owner/paint" in caught.value.do
    assert "licence" in caught.value.do
    assert "hf_" not in str(caught.value)
    assert left(tmp_path) == set()


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_switch(paint, make_entry, tmp_path, monkeypatch, switch):
    monkeypatch.setenv(switch, "1")
    with pytest.raises(DownloadError, match="offline") as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert paint.requests == []


def test_server_errors_and_no_server(paint, make_entry, tmp_path, monkeypatch):
    paint.status = 501  # unlike 503, no version of the client tries it again
    with pytest.raises(DownloadError, match="501") as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError) as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert left(tmp_path) == set()


def test_something_that_is_no_hub(paint, make_entry, tmp_path):
    paint.repos["owner/paint"].commit = "not-a-commit"
    with pytest.raises(DownloadError, match="Hub") as caught:
        download_weights(make_entry(), tmp_path)
    assert "HF_ENDPOINT" in caught.value.do


def test_disk_space_is_checked_first(paint, make_entry, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(part_file.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="no room") as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert paint.body_bytes() == 0
    assert left(tmp_path) == set()


def test_disk_that_fills_up_on_the_way(paint, make_entry, tmp_path, monkeypatch):
    real_open = Path.open

    class Full:
        def __init__(self, file):
            self.file, self.room = file, 300_000

        def write(self, data):
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

    def small(self, mode="r", *args, **kwargs):
        file = real_open(self, mode, *args, **kwargs)
        return Full(file) if mode == "ab" else file

    monkeypatch.setattr(Path, "open", small)
    with pytest.raises(DownloadError) as caught:
        download_weights(make_entry(), tmp_path)
    assert four_parts(caught.value)
    assert "space" in caught.value.do
    assert left(tmp_path) == set()


class Interrupt(Exception):
    pass


def test_interrupt_passes_through_and_can_be_resumed(paint, make_entry, tmp_path):
    def stop(done, total):
        if done > total / 3:
            raise Interrupt

    with pytest.raises(Interrupt):
        download_weights(make_entry(), tmp_path, stop)
    assert all(name.endswith(".part") for name in left(tmp_path))
    assert len(left(tmp_path)) == 1
    paint.requests.clear()
    assert download_weights(make_entry(), tmp_path).read_bytes() == DATA
    assert paint.body_bytes() < len(DATA)


def test_os_errors_of_progress_are_its_own(paint, make_entry, tmp_path):
    def stop(done, total):
        raise BrokenPipeError("the window is gone")

    with pytest.raises(BrokenPipeError, match="window"):
        download_weights(make_entry(), tmp_path, stop)


def test_folder_that_cannot_be_written(paint, make_entry, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError) as caught:
        download_weights(make_entry(), tmp_path / "file" / "models")
    assert four_parts(caught.value)


TWO = """
import sys
from pathlib import Path
from brushwork.core.hub import download_weights, load_manifest
print(download_weights(load_manifest()["onnx-candy-9"], Path(sys.argv[1])))
"""


def test_two_processes_at_once_download_once(hub, make_repo, tmp_path, python_command):
    hub.repos["onnxmodelzoo/candy-9"] = make_repo({"candy-9.onnx": DATA})
    hub.seconds_per_chunk = 0.03
    command = python_command(TWO, tmp_path / "m")
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.strip() == str(tmp_path / "m" / "candy-9.onnx")
    assert (tmp_path / "m" / "candy-9.onnx").read_bytes() == DATA
    assert left(tmp_path / "m") == {"candy-9.onnx"}
    assert hub.body_bytes() == len(DATA)
