"""Whether the Hub may be asked at all: the Hub's own environment variables, and a switch of the host's."""

from __future__ import annotations

import os

_ON = {"1", "ON", "YES", "TRUE"}
_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_switch = {"offline": False}


def set_offline(on: bool) -> None:
    """Forbid the network in this process, e.g. by a setting of the host. The variables forbid it regardless."""
    _switch["offline"] = on


def offline_reason() -> str | None:
    """Why the network is forbidden, for messages; None: it is allowed.

    The variables are read as they are now; huggingface_hub itself only looks at them when it is imported.
    """
    for name in _VARIABLES:
        if os.environ.get(name, "").upper() in _ON:
            return f"{name} is set"
    return "the setting Offline is on" if _switch["offline"] else None
