"""Where downloaded files live: the Hub's own cache, and a corner of it for what only Brushwork knows.

The rules for the environment variables are huggingface_hub's documented ones; they are repeated here because
importing that library costs one to two seconds, and a local file must not wait for it.
"""

from __future__ import annotations

import os
from pathlib import Path

from .manifest import HubSource


def hub_cache() -> Path:
    """The cache that all Hub clients share: HF_HUB_CACHE, else `hub` in HF_HOME."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _expanded(named) if named else _home() / "hub"


def own_cache() -> Path:
    """For pins, locks and extracted encoders: `brushwork` among the Hub's assets (HF_ASSETS_CACHE).

    Not the Hub's model cache itself: its tools complain of foreign files there.
    """
    named = os.environ.get("HF_ASSETS_CACHE") or os.environ.get("HUGGINGFACE_ASSETS_CACHE")
    return (_expanded(named) if named else _home() / "assets") / "brushwork"


def repository_folder(source: HubSource) -> Path:
    """A repository's folder in the Hub's cache, e.g. `models--owner--name`."""
    return hub_cache() / "--".join([f"{source.repo_type}s", *source.repo_id.split("/")])


def snapshot_path(source: HubSource, commit: str) -> Path:
    """Where the Hub's cache keeps a file at a commit."""
    return repository_folder(source) / "snapshots" / commit / source.filename


def _home() -> Path:
    named = os.environ.get("HF_HOME")
    if named:
        return _expanded(named)
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()
