"""What Brushwork needs of huggingface_hub: metadata of a file, and its bytes in ranges.

Versions 0.24 to 2.x are spoken: the older ones use requests, the newer ones httpx. Their session brings
proxies, certificates and the offline switch; addresses, tokens and the Hub's error codes are theirs too.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import DownloadError
from ._hub_errors import from_hub, not_a_hub, offline
from .manifest import HubSource
from .offline import offline_reason

TIMEOUT_S = 20.0
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A file of the Hub at one commit."""

    source: HubSource
    commit: str
    url: str
    """At the commit: its content cannot change."""
    bytes: int
    etag: str
    """SHA-256 of large files, git's SHA-1 of small ones."""

    @property
    def sha256(self) -> str | None:
        """What the Hub publishes for files in LFS or Xet storage."""
        return self.etag if re.fullmatch(r"[0-9a-f]{64}", self.etag) else None

    @property
    def git_sha1(self) -> str | None:
        """What the Hub publishes for files in plain git: SHA-1 of `blob {size}`, a zero byte, the content."""
        return self.etag if re.fullmatch(r"[0-9a-f]{40}", self.etag) else None


@dataclass(frozen=True)
class Listing:
    """The files of a repository at one commit."""

    commit: str
    files: tuple[str, ...]
    """Paths inside the repository."""


class RangeResponse:
    """The body of one answer, in chunks; `total` is what the server says of the whole file."""

    def __init__(self, source: HubSource, response: Any) -> None:
        self._source, self._response = source, response
        self.status = int(response.status_code)
        content_range = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
        self.start = int(content_range[1]) if content_range else 0
        self.total = int(content_range[3]) if content_range else None

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            DownloadError: The connection failed or ended early.
        """
        # requests calls it iter_content, httpx iter_bytes
        iterate = getattr(self._response, "iter_bytes", None) or self._response.iter_content
        with _translated(self._source):
            chunks = iterate(CHUNK_BYTES)
        while True:
            with _translated(self._source):
                chunk = next(chunks, b"")
            if not chunk:
                return
            yield chunk


def describe(source: HubSource, revision: str | None = None) -> RemoteFile:
    """Ask the Hub for commit, size and hash of a file (one HEAD request).

    Args:
        source: What to ask for.
        revision: Instead of the source's own, e.g. a pinned commit.

    Raises:
        DownloadError: Offline, unreachable, gated, or no such repository, revision or file.
    """
    reason = offline_reason()
    if reason is not None:
        raise offline(source, reason)
    from huggingface_hub import get_hf_file_metadata

    with _translated(source):
        metadata = get_hf_file_metadata(_url(source, revision or source.revision), timeout=TIMEOUT_S)
    commit, etag = metadata.commit_hash or "", metadata.etag or ""
    if not re.fullmatch(r"[0-9a-f]{40}", commit) or metadata.size is None or not etag:
        raise not_a_hub(source, f"commit {commit!r}, size {metadata.size}, ETag {etag!r}")
    return RemoteFile(source, commit, _url(source, commit), metadata.size, etag)


def list_files(source: HubSource) -> Listing:
    """Ask the Hub what a repository holds (one request); the file name of `source` is not looked at.

    Raises:
        DownloadError: Offline, unreachable, gated, or no such repository or revision.
    """
    reason = offline_reason()
    if reason is not None:
        raise offline(source, reason)
    from huggingface_hub import HfApi

    with _translated(source):
        api = HfApi(endpoint=endpoint())
        info: Any = api.repo_info(
            source.repo_id, repo_type=source.repo_type, revision=source.revision, timeout=TIMEOUT_S
        )
    return Listing(info.sha or "", tuple(sibling.rfilename for sibling in info.siblings or ()))


@contextlib.contextmanager
def open_range(remote: RemoteFile, start: int = 0, end: int | None = None) -> Iterator[RangeResponse]:
    """GET bytes `start` to `end` (inclusive; None: to the last) of a file.

    The status is the caller's to judge: 206, or 200 from a server that ignores ranges.

    Raises:
        DownloadError: The request failed.
    """
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start or end is not None:
        headers["Range"] = f"bytes={start}-{'' if end is None else end}"
    session: Any = get_session()
    with contextlib.ExitStack() as stack:
        with _translated(remote.source):
            if callable(getattr(session, "stream", None)):  # httpx
                call = session.stream("GET", remote.url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True)
            else:  # requests
                call = session.get(remote.url, headers=headers, timeout=TIMEOUT_S, stream=True)
            response = stack.enter_context(call)
            if response.status_code >= 400:
                _ = response.read() if hasattr(response, "read") else response.content  # for the error's text
                hf_raise_for_status(response)
        yield RangeResponse(remote.source, response)


def _url(source: HubSource, revision: str) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(
        source.repo_id, source.filename, repo_type=source.repo_type, revision=revision, endpoint=endpoint()
    )


def endpoint() -> str | None:
    """HF_ENDPOINT as it is now; the library itself only looks at it when it is imported."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


@contextlib.contextmanager
def _translated(source: HubSource) -> Iterator[None]:
    """Turn what huggingface_hub and its HTTP library raise into DownloadError."""
    from huggingface_hub.utils import HfHubHTTPError

    # httpx errors are no OSError; the library's own error derives from its transport's base, whichever it is
    foreign: tuple[type[Exception], ...] = (OSError,)
    foreign += tuple(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception))
    try:
        yield
    except DownloadError:
        raise
    except foreign as error:
        raise from_hub(source, error) from error
