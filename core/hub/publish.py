"""Sending a finished folder to the Hub with the user's own token: one commit, or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..errors import PublishError
from ._publish_errors import from_upload, not_logged_in, offline_upload
from .client import endpoint
from .offline import offline_reason
from .repository import check_repo_id
from .showcase import Showcase

POLL_S = 0.2

WaitFn = Callable[[], None]
"""Called a few times a second while bytes travel; what it raises ends the wait, and nothing is committed."""


def check_may_publish() -> None:
    """Whether publishing can work at all, asked before minutes are spent on pictures; asks no server.

    Raises:
        PublishError: Offline, or no token.
    """
    reason = offline_reason()
    if reason is not None:
        raise offline_upload(reason)
    from huggingface_hub import get_token

    if not get_token():
        raise not_logged_in()


def publish(showcase: Showcase, repo_id: str, *, private: bool = False, waiting: WaitFn | None = None) -> str:
    """Create the repository where it is missing, upload the files, commit them all at once.

    The token is the Hub library's own: HF_TOKEN, else that of `hf auth login`. It is never shown nor stored.

    Args:
        showcase: What `make_showcase` has written.
        repo_id: USER/NAME.
        private: For a new repository; one that exists stays as it is.
        waiting: See `WaitFn`. A repository that was just created stays, empty.

    Returns:
        Address of the repository's page.

    Raises:
        ConfigError: A malformed repository id.
        PublishError: Offline, no token, a token that may not write there, a full quota, no network.
    """
    repo_id = check_repo_id(repo_id)
    check_may_publish()
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(endpoint=endpoint(), library_name="brushwork")
    additions = [CommitOperationAdd(name, str(showcase.folder / name)) for name in showcase.files]
    url = str(_in_thread(lambda: api.create_repo(repo_id, private=private, exist_ok=True), repo_id, waiting))
    # Two steps: bytes that were uploaded show nowhere until the commit, so that a cancel leaves nothing behind.
    _in_thread(lambda: api.preupload_lfs_files(repo_id, additions, free_memory=False), repo_id, waiting)
    message = "Publish with Brushwork"
    _in_thread(lambda: api.create_commit(repo_id, additions, commit_message=message), repo_id, waiting)
    return url


def _in_thread(call: Callable[[], Any], repo_id: str, waiting: WaitFn | None) -> Any:
    """Run a blocking call of the library while the caller stays awake for cancel.

    A daemon: after a cancel the upload in it may go on for a while, and must not keep the process alive.
    """
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = call()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome["error"] = error

    thread = threading.Thread(target=run, name="brushwork-publish", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_S)
        if waiting is not None and thread.is_alive():
            waiting()
    error = outcome.get("error")
    if isinstance(error, Exception) and not isinstance(error, PublishError):
        raise from_upload(repo_id, error) from error
    if error is not None:
        raise error
    return outcome["result"]
