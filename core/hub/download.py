"""Verified, resumable, atomic downloads from the Hub."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from ..errors import ChecksumMismatchError, WeightsNotFoundError
from ..files import atomic_path
from ._hub_errors import empty_file, from_hub, not_a_hub
from ._lock import exclusive
from .client import RemoteFile, describe, open_range
from .integrity import check_file
from .local import local_path
from .manifest import HubSource, WeightEntry
from .part_file import PartFile, part_path
from .pins import Pin, find_pin, write_pin
from .places import own_cache, repository_folder, snapshot_path

ProgressFn = Callable[[int, int], None]
"""progress(bytes done, bytes in all); what it raises passes through, the download can then be resumed."""


def download_weights(entry: WeightEntry, folder: str | Path | None = None, progress: ProgressFn | None = None) -> Path:
    """Get a model of the manifest from the Hub, unless it is there already.

    Args:
        entry: What to get.
        folder: A models folder; None: the Hub's own cache, where every Hub client finds it.
        progress: Called with (bytes done, bytes in all) after each chunk.

    Returns:
        The verified file: whole, of the promised size and hash. Its commit and hash are pinned.

    Raises:
        ChecksumMismatchError: The bytes are not those that the manifest, the Hub or an earlier download
            promised; nothing of them stays.
        DownloadError: Offline, unreachable, gated, missing, disk full. What has arrived stays as `.part` and
            is resumed, except where the disk was the trouble.
    """
    folder = None if folder is None else Path(folder)
    if not isinstance(entry.source, HubSource):
        found = local_path(entry)
        if found is not None:
            return found
        raise WeightsNotFoundError(
            f"The bundled model {entry.id} is missing.",
            expected=entry.source.path,
            got="no such file in this installation",
            do="Reinstall Brushwork.",
        )
    if entry.tensors is not None:
        from .vgg import fetch_encoder

        return fetch_encoder(entry, folder, progress)
    found = local_path(entry, [folder] if folder else [])
    if found is not None and (folder is None or found.is_relative_to(folder)):
        return found
    state = folder or own_cache()
    remote = locate(entry, state)
    target = folder / entry.filename if folder else snapshot_path(entry.source, remote.commit)
    path = store(remote, target, state, _expected_hash(entry, state, remote), progress)
    if folder is None:
        _note_branch(entry.source, remote.commit)
    return path


def locate(entry: WeightEntry, state: Path) -> RemoteFile:
    """Ask the Hub for an entry's file, at the pinned commit if any, and compare with the manifest.

    Raises:
        ChecksumMismatchError: The Hub has another size or hash than the manifest or the pin.
        DownloadError: It cannot be asked, or has no such file.
    """
    if not isinstance(entry.source, HubSource):
        raise TypeError("only entries of the Hub can be located")
    pin = find_pin(state, entry.source)
    remote = describe(entry.source, pin.commit if pin else None)
    if remote.bytes == 0:
        raise empty_file(entry.source)
    whole_pin = pin if entry.tensors is None and entry.sha256 is None else None
    sha256, size = (whole_pin.sha256, whole_pin.bytes) if whole_pin else (entry.sha256, entry.bytes)
    if (size is not None and remote.bytes != size) or (sha256 and remote.sha256 and remote.sha256 != sha256):
        promise = "was pinned" if whole_pin else "the manifest names"
        raise ChecksumMismatchError(
            f"The Hub's {entry.source.label} is not the file that {promise}.",
            expected=f"sha256 {sha256}, {size or 'any number of'} bytes",
            got=f"sha256 {remote.sha256 or 'not published'}, {remote.bytes} bytes at commit {remote.commit}",
            do="Nothing was downloaded. Update Brushwork; a new file that you trust can be given by path.",
        )
    return remote


def store(remote: RemoteFile, target: Path, state: Path, sha256: str | None, progress: ProgressFn | None) -> Path:
    """Stream a file to `target`, resuming what is there, and pin it in `state`.

    Raises:
        ChecksumMismatchError: The bytes that came, or a file already at `target`, are not the promised ones.
        DownloadError: The connection or the disk failed.
    """
    with exclusive(state, target.name, waiting_for(target, remote.etag, remote.bytes, progress)):
        if target.exists():  # another process was faster, or the user has put something there
            check_file(target, sha256, remote.bytes)
            return target
        part = PartFile(target, remote.etag, remote.bytes, remote.source.label)
        try:
            _append(remote, part, progress)
            digest = part.finish(sha256, remote.git_sha1)
        finally:
            part.close()
        inside = target.relative_to(state).as_posix() if target.is_relative_to(state) else target.name
        pin(remote, state, digest, remote.bytes, inside)
    return target


def waiting_for(target: Path, version: str, total_bytes: int, progress: ProgressFn | None) -> Callable[[], None]:
    """Report what another process has of `target`; the user sees that something moves, and can interrupt."""

    def report() -> None:
        if progress is not None:
            done = 0
            with contextlib.suppress(FileNotFoundError):
                done = part_path(target, version).stat().st_size
            progress(min(done, total_bytes), total_bytes)

    return report


def pin(remote: RemoteFile, state: Path, sha256: str, size: int, local_name: str) -> None:
    """Remember commit and hash of what was downloaded."""
    source = remote.source
    write_pin(
        state,
        Pin(
            source.repo_type, source.repo_id, source.filename, source.revision,
            remote.commit, sha256, size, local_name,
        ),
    )  # fmt: skip


def _append(remote: RemoteFile, part: PartFile, progress: ProgressFn | None) -> None:
    if progress is not None and part.done_bytes:
        progress(part.done_bytes, part.total_bytes)
    if part.done_bytes == part.total_bytes:
        return
    with open_range(remote, part.done_bytes) as response:
        if part.done_bytes and (response.status != 206 or response.start != part.done_bytes):
            part.restart()
            if response.status == 206:
                raise not_a_hub(remote.source, f"a range from byte {response.start}")
        if response.total is not None and response.total != remote.bytes:
            raise not_a_hub(remote.source, f"Content-Range of {response.total} bytes instead of {remote.bytes}")
        for chunk in response.chunks():
            part.write(chunk)
            if progress is not None:
                progress(part.done_bytes, part.total_bytes)
    if part.done_bytes < part.total_bytes:
        raise from_hub(remote.source, OSError(f"the server ended after {part.done_bytes} of {part.total_bytes} bytes"))


def _expected_hash(entry: WeightEntry, state: Path, remote: RemoteFile) -> str | None:
    """The manifest's, else the pin's, else the Hub's; None: trust on first use."""
    known = find_pin(state, remote.source)
    return entry.sha256 or (known.sha256 if known else None) or remote.sha256


def _note_branch(source: HubSource, commit: str) -> None:
    """Write the cache's note of what commit a branch is, so that other Hub clients find the file by branch.

    A note that is there stays: it may be newer than our pin.
    """
    note = repository_folder(source) / "refs" / source.revision
    if source.revision != commit and not note.exists():
        with atomic_path(note) as temporary:
            temporary.write_text(commit, encoding="utf-8")
