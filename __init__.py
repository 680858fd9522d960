"""Brushwork: real-time neural style transfer for ComfyUI and the command line. Importing this file does nothing."""

from __future__ import annotations

import logging
from typing import Any

__version__ = "0.1.0"

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> Any:
    """Called by ComfyUI. Imported here, not above: tests and the command line import this package without ComfyUI."""
    try:
        from .nodes import BrushworkExtension
    except Exception:
        # ComfyUI logs a failing entry point in one line without traceback.
        logging.getLogger("brushwork").exception("the Brushwork nodes could not be imported")
        raise
    return BrushworkExtension()
