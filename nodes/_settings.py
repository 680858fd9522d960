"""Brushwork's own settings: what they are called, what they may be, and what holds where they are not set.

The page (web/js/settings.js) declares them and ComfyUI stores them. They are read anew whenever they matter, so
a change holds from the next run on. A value that makes no sense counts as not set: it must not stop a painting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ..core.hub.offline import set_offline
from ..core.inference import Precision
from . import _host_user

GIB = 1 << 30
MOST_GIB = 4096


@dataclass(frozen=True)
class Settings:
    """All of them, valid."""

    precision: Precision = "auto"
    """`Brushwork.Precision`: what `auto` on a node means."""
    max_memory_bytes: int | None = None
    """`Brushwork.MaxMemoryGiB`: bound for the activations of one run; None: as much as the device has."""
    folders: tuple[Path, ...] = ()
    """`Brushwork.ModelFolders`: further models folders, after ComfyUI's own."""
    offline: bool = False
    """`Brushwork.Offline`: never ask the Hub."""


def current() -> Settings:
    """The settings as they are now; `offline` is in force afterwards."""
    settings = from_dict(_host_user.user_settings())
    set_offline(settings.offline)
    return settings


def from_dict(values: Mapping[str, Any]) -> Settings:
    """From ComfyUI's settings by id."""
    precision = values.get("Brushwork.Precision", "auto")
    gib = values.get("Brushwork.MaxMemoryGiB")
    folders = values.get("Brushwork.ModelFolders")
    return Settings(
        precision=precision if precision in get_args(Precision) else "auto",
        max_memory_bytes=int(gib * GIB) if isinstance(gib, int | float) and 0 < gib <= MOST_GIB else None,
        folders=existing(folders) if isinstance(folders, list) else (),
        offline=values.get("Brushwork.Offline") is True,
    )


def existing(folders: list[Any]) -> tuple[Path, ...]:
    """Those that are full paths of folders on this machine, without repetitions."""
    paths = [Path(folder) for folder in folders if isinstance(folder, str) and folder]
    return tuple(dict.fromkeys(path for path in paths if path.is_absolute() and path.is_dir()))
