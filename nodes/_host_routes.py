"""The seam to ComfyUI's HTTP server: plain functions become routes, errors become JSON in four parts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import BrushworkError, ConfigError, DownloadError, WeightsNotFoundError
from . import _host

log = logging.getLogger("brushwork.routes")

PREFIX = "/brushwork"
Values = Mapping[str, Any]
"""Query parameters of a GET (texts), or the JSON object of a POST."""
Handler = Callable[[Values], Any]
"""Returns something JSON-ready, or the bytes of a JPEG. It runs in a thread of its own."""

YEAR_S = 31_536_000
STATUS = ((WeightsNotFoundError, 404), (DownloadError, 502), (BrushworkError, 400))
"""The first class that fits."""


def add_routes(gets: Mapping[str, Handler], posts: Mapping[str, Handler]) -> None:
    """Register `/brushwork/NAME` for each; nothing happens where there is no server (tests, headless use)."""
    server = _host.server()
    if server is None:
        return
    for name, handler in gets.items():
        server.routes.get(f"{PREFIX}/{name}")(_route(handler))
    for name, handler in posts.items():
        server.routes.post(f"{PREFIX}/{name}")(_route(handler))


def announce(event: str, data: Mapping[str, Any]) -> None:
    """Tell all open pages something."""
    server = _host.server()
    if server is not None:
        server.send_sync(event, dict(data))


def answer(handler: Handler, values: Values) -> tuple[int, Any]:
    """Call a handler: (200, its result), or the status and the four parts of what went wrong."""
    try:
        return 200, handler(values)
    except BrushworkError as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        return status, four_parts(error)
    except Exception as error:
        log.exception("a request of the page failed")
        unexpected = BrushworkError(
            "Brushwork could not answer the page.",
            expected="an answer",
            got=f"{type(error).__name__}: {error}",
            do="Look at ComfyUI's log, and report it: this is a fault of Brushwork.",
        )
        return 500, four_parts(unexpected)


def four_parts(error: BrushworkError) -> dict[str, dict[str, str]]:
    """JSON of an error, for the page to show."""
    return {"error": {"what": error.what, "expected": error.expected, "got": error.got, "do": error.do}}


def text(values: Values, key: str, most: int = 1000) -> str:
    """A text of a request; empty where it is missing.

    Raises:
        ConfigError: It is something else, or longer than `most` characters.
    """
    value = values.get(key, "")
    if not isinstance(value, str) or len(value) > most or "\x00" in value:
        raise ConfigError(
            f"The page sent no valid `{key}`.",
            expected=f"a text of at most {most} characters",
            got=type(value).__name__ if not isinstance(value, str) else f"{len(value)} characters",
            do="Reload the page.",
        )
    return value


def _route(handler: Handler) -> Any:
    async def handle(request: Any) -> Any:
        from aiohttp import web  # the server's own library; importing this module does without

        if request.method == "POST":
            try:
                values = await request.json()
            except (json.JSONDecodeError, UnicodeDecodeError):
                values = None
        else:
            values = dict(request.query)
        if not isinstance(values, dict):
            status, result = answer(_not_an_object, {})
        else:
            # a thread: downloads and paintings must not hold up the server, nor the progress of a running prompt
            status, result = await asyncio.to_thread(answer, handler, values)
        if isinstance(result, bytes):
            headers = {"Cache-Control": f"private, max-age={YEAR_S}"} if request.method == "GET" else {}
            return web.Response(body=result, content_type="image/jpeg", headers=headers)
        return web.json_response(result, status=status)

    return handle


def _not_an_object(_: Values) -> None:
    raise ConfigError(
        "The page sent something unreadable.",
        expected="a JSON object",
        got="something else",
        do="Reload the page.",
    )
