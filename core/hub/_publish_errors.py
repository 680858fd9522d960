"""The Hub's refusals of an upload in Brushwork's words. Nothing here may quote a token."""

from __future__ import annotations

import re

from ..errors import PublishError

SETTINGS = "https://huggingface.co/settings/tokens"


def offline_upload(reason: str) -> PublishError:
    """Offline mode is on."""
    return PublishError(
        "Nothing was published: offline mode is on.",
        expected="a connection to the Hub",
        got=reason,
        do="Switch it off, or make a dry run and upload the folder later.",
    )


def not_logged_in() -> PublishError:
    """There is no token."""
    return PublishError(
        "Nothing was published: the Hub does not know who you are.",
        expected="a token that may write, in HF_TOKEN or from `hf auth login`",
        got="no token",
        do=f"Make one at {SETTINGS} and run `hf auth login`. A dry run needs none.",
    )


def from_upload(repo_id: str, error: Exception) -> PublishError:
    """Translate what huggingface_hub, or the HTTP library below it, raised."""
    cause: BaseException = error
    while _status(cause) is None and cause.__cause__ is not None:  # the library wraps failed parts of an upload
        cause = cause.__cause__
    status = _status(cause)
    got = f"status {status}" if status is not None else f"{type(cause).__name__}: {_first_line(cause)}"
    if status == 401:
        return PublishError(
            f"{repo_id} was not published: the Hub does not accept the token.",
            expected="a valid token that may write",
            got=got,
            do=f"Make a new one at {SETTINGS}, then run `hf auth login` or set HF_TOKEN.",
        )
    if status == 403:
        return PublishError(
            f"{repo_id} was not published: this account may not write there.",
            expected="your own user name, or an organization that you may write to, before the slash",
            got=f"{got} for {repo_id}",
            do=f"Correct the name, or give the token write permission at {SETTINGS}.",
        )
    if status in (402, 413, 429, 507):
        return PublishError(
            f"{repo_id} was not published: the Hub takes no more from this account now.",
            expected="room in its quota, and few requests",
            got=f"{got}: {_first_line(cause)}",
            do="Wait a while, or free storage in the settings of your account.",
        )
    if status is not None:
        return PublishError(
            f"{repo_id} was not published: the Hub refused it.",
            expected="status 200",
            got=f"{got}: {_first_line(cause)}",
            do="Try again later; no half of it is to be seen there.",
        )
    return PublishError(
        f"{repo_id} was not published: the upload failed.",
        expected="a connection that lasts until the commit",
        got=got,
        do="Check the network and run it again; what has arrived is not sent twice.",
    )


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _first_line(error: BaseException) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
    return re.sub(r"hf_\w+", "hf_…", line)
