"""Downloads that somebody watches and may cancel from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .download import ProgressFn

REPORT_EVERY_S = 0.2

Result = TypeVar("Result")


class Cancelled(Exception):  # noqa: N818 - no error: somebody wanted it
    """The user pressed cancel; what has arrived stays and is resumed by the next download."""


class Downloads:
    """The downloads that are under way, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: dict[str, list[threading.Event]] = {}

    def run(self, name: str, fetch: Callable[[ProgressFn], Result], report: ProgressFn) -> Result:
        """Fetch in this thread.

        Args:
            name: What `cancel` calls it. The same name may be fetched twice; file locks keep that apart.
            fetch: Called with a progress function, which raises when the download is cancelled.
            report: Called with (bytes done, bytes in all), not more often than the eye can follow, and at the end.

        Raises:
            Cancelled: By `cancel`.
        """
        stop = threading.Event()
        last = [0.0]

        def progress(done: int, total: int) -> None:
            if stop.is_set():
                raise Cancelled(name)
            now = time.monotonic()
            if done >= total or now - last[0] >= REPORT_EVERY_S:
                last[0] = now
                report(done, total)

        with self._lock:
            self._stop.setdefault(name, []).append(stop)
        try:
            return fetch(progress)
        finally:
            with self._lock:
                self._stop[name].remove(stop)
                if not self._stop[name]:
                    del self._stop[name]

    def cancel(self, name: str) -> bool:
        """Stop all downloads of a name at their next chunk; whether there was one."""
        with self._lock:
            running = self._stop.get(name, [])
            for stop in running:
                stop.set()
            return bool(running)
