"""What the user has set in ComfyUI's settings dialog, as its server keeps it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folder_paths

log = logging.getLogger("brushwork.nodes")

SETTINGS_FILE = "comfy.settings.json"
_read: dict[Path, tuple[tuple[int, int], Mapping[str, Any]]] = {}


def user_settings() -> Mapping[str, Any]:
    """All settings by id; empty where nothing was set yet or the file cannot be read.

    It is the default user's file. A server with `--multi-user` does not tell a running node whose it is; there
    the file exists only if somebody made that user, and everybody gets the same.
    """
    path = _default_user() / SETTINGS_FILE
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if path not in _read or _read[path][0] != stamp:
            data = json.loads(path.read_text(encoding="utf-8"))
            _read[path] = (stamp, data if isinstance(data, Mapping) else {})
        return _read[path][1]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):  # half written, perhaps: the next run reads it again
        log.warning("The settings in %s cannot be read; the defaults hold.", path)
        return {}


def _default_user() -> Path:
    return Path(folder_paths.get_user_directory()) / "default"
