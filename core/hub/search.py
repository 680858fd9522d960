"""Styles that others have published on the Hub. It is only asked when the user wants to."""

from __future__ import annotations

from typing import Any

from ..errors import DownloadError
from ._hub_errors import status_of, token_refused
from .browse import StyleCard, method_of
from .client import endpoint, list_files
from .offline import offline_reason
from .repository import TAG, parse_repository

MOST = 60
_ARCHITECTURES = ("conditional_transformer_net", "transformer_net", "comatch", "msg_net", "adain", "microast")
_LICENSE = "license:"


def search_styles(words: str = "", limit: int = MOST) -> list[StyleCard]:
    """Repositories tagged `brushwork-style`, or the one that is named, as cards of the Hub.

    What is inside is told by the file itself, once it is downloaded; here there is one card a repository.

    Args:
        words: What to look for; `USER/NAME` means that repository, tagged or not.
        limit: At most so many.

    Raises:
        DownloadError: Offline, unreachable, no such repository, or it refuses.
    """
    words = words.strip()
    named = parse_repository(words)
    if named is not None:
        list_files(named.source(""))  # whether there is such a repository, and it may be read
        return [_card(words.removesuffix("/"), [])]
    reason = offline_reason()
    if reason is not None:
        raise DownloadError(
            "The Hub is not searched: offline mode is on.",
            expected="a network that may be used",
            got=reason,
            do="Switch it off to search, or use the styles that are here.",
        )
    return [_card(model.id, model.tags or []) for model in _found(words, limit)]


def _found(words: str, limit: int) -> list[Any]:
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HfHubHTTPError

    foreign: tuple[type[Exception], ...] = (OSError,)
    foreign += tuple(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception))
    try:
        return list(HfApi(endpoint=endpoint()).list_models(filter=TAG, search=words or None, limit=limit))
    except foreign as error:
        status = status_of(error)
        if status == 401:
            raise token_refused("The Hub could not be searched") from error
        raise DownloadError(
            "The Hub could not be searched.",
            expected="a list of models",
            got=f"status {status}" if status else f"{type(error).__name__}: {str(error).splitlines()[0][:200]}",
            do="Check the network (and HF_ENDPOINT, if it is set), then search again.",
        ) from error


def _card(repo_id: str, tags: list[str]) -> StyleCard:
    spoken = {tag.replace("-", "_") for tag in tags}
    architecture = next((name for name in _ARCHITECTURES if name in spoken), "")
    license_id = next((tag.removeprefix(_LICENSE) for tag in tags if tag.startswith(_LICENSE)), "unknown")
    owner, _, name = repo_id.partition("/")
    return StyleCard(
        model=repo_id,
        style="",
        title=name.partition("/")[0].replace("-", " ").replace("_", " ").strip() or repo_id,
        model_title=repo_id,
        method=method_of({"architecture": architecture}),
        place="hub",
        license=license_id,
        attribution=owner,
    )
