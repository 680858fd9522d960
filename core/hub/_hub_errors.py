"""The Hub's failures in Brushwork's words: what, expected, got, do."""

from __future__ import annotations

import os

from ..errors import DownloadError
from .manifest import HubSource

LOG_IN = "`hf auth login`, or set HF_TOKEN to its token and start again"
"""A login is read at the next try; an environment variable only at the start of the program."""


def offline(source: HubSource, reason: str = "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set") -> DownloadError:
    """Offline mode is on and the file is not local."""
    return DownloadError(
        f"{source.label} is not on this machine, and offline mode is on.",
        expected="a file in a models folder or in the Hub's cache",
        got=reason,
        do="Switch it off to download, or copy the file into a models folder.",
    )


def token_refused(what: str) -> DownloadError:
    """The Hub knows no such token; it then refuses even what is public.

    Args:
        what: What did not happen, as the head of a sentence.
    """
    return DownloadError(
        f"{what}: the Hub does not accept the token.",
        expected="a valid token, or none where everything is public",
        got="status 401: it has expired, was revoked or is incomplete",
        do=f"Log in again: {LOG_IN}.",
    )


def status_of(error: Exception) -> int | None:
    """The HTTP status that an error of huggingface_hub came with."""
    return getattr(getattr(error, "response", None), "status_code", None)


def empty_file(source: HubSource) -> DownloadError:
    """The Hub has the file, with nothing in it."""
    return DownloadError(
        f"The Hub's {source.label} is empty.",
        expected="a model file",
        got="0 bytes",
        do=f"Its upload failed: tell its owner at {_page(source)}, and choose another style meanwhile.",
    )


def not_a_hub(source: HubSource, got: str) -> DownloadError:
    """The server's answer lacks what every Hub says."""
    return DownloadError(
        f"The answer about {source.label} does not come from a Hugging Face Hub.",
        expected="the headers X-Repo-Commit, ETag and a size",
        got=got,
        do="Check HF_ENDPOINT and your proxy.",
    )


def from_hub(source: HubSource, error: Exception) -> DownloadError:
    """Translate an error of huggingface_hub or of its HTTP library."""
    from huggingface_hub.utils import (
        EntryNotFoundError,
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, OfflineModeIsEnabled):
        return offline(source)
    status = status_of(error)
    if isinstance(error, GatedRepoError):
        return DownloadError(
            f"The repository of {source.label} is gated.",
            expected="an account that has accepted its licence",
            got=f"status {status}, {_token()}",
            do=f"Accept the licence at {_page(source)}, then log in with that account: {LOG_IN}.",
        )
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return token_refused(f"{source.label} was not downloaded")
    if status == 403:
        return DownloadError(
            f"The Hub does not let this account read {source.label}.",
            expected="an account, and a token, that may read the repository",
            got=f"status 403, {_token()}",
            do=(
                f"Look at {_page(source)}: accept the licence there if it asks for it, then log in with that "
                f"account: {LOG_IN}. A fine-grained token must be allowed to read gated repositories."
            ),
        )
    if isinstance(error, RepositoryNotFoundError):
        return DownloadError(
            f"The Hub has no repository {source.repo_id} ({source.repo_type}).",
            expected="a public repository, or a private one and a token that may read it",
            got=f"status {status}, {_token()}",
            do=f"Check the spelling at {_page(source)}; it may have been removed or renamed. If private, set HF_TOKEN.",
        )
    if isinstance(error, RevisionNotFoundError):
        return DownloadError(
            f"The repository {source.repo_id} has no revision of {source.label}.",
            expected=f"revision {source.revision}, or the commit pinned in brushwork.lock.json",
            got=f"status {status}",
            do="Its history was rewritten: update Brushwork, or delete the pin if you trust the new files.",
        )
    if isinstance(error, EntryNotFoundError) or status == 404:
        return DownloadError(
            f"The repository has no file {source.label}.",
            expected=source.filename,
            got=f"status {status}",
            do=f"It may have been moved: look at {_page(source)}, or update Brushwork.",
        )
    if status is not None:
        return DownloadError(
            f"The Hub refused {source.label}.",
            expected="status 200 or 206",
            got=f"status {status}: {_first_line(error)}",
            do="Try again later; what has arrived is kept and will be resumed.",
        )
    return DownloadError(
        f"The download of {source.label} failed.",
        expected="a connection that lasts until the last byte",
        got=f"{type(error).__name__}: {_first_line(error)}",
        do="Check the network and run the same again: what has arrived is kept and will be resumed.",
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _token() -> str:
    from huggingface_hub import get_token

    return "with a token" if get_token() else "without a token"


def _page(source: HubSource) -> str:
    prefix = "" if source.repo_type == "model" else f"{source.repo_type}s/"
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    return f"{endpoint}/{prefix}{source.repo_id}"
