"""The newest frame of a camera: what came while the last one was painted is skipped, and the delay stays small."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from .read import VideoFile, VideoFrame


def newest_frames(video: VideoFile) -> Iterator[VideoFrame]:
    """Frames of a live source, read in a thread; each is the newest at the time it is asked for.

    Raises:
        ImageError: The source fails.
    """
    ready = threading.Condition()
    newest: list[VideoFrame] = []
    ended: list[Exception | None] = []

    def read() -> None:
        reason: Exception | None = None
        try:
            for frame in video:
                with ready:
                    newest[:] = [frame]
                    ready.notify()
                    if ended:
                        return
        except Exception as error:  # noqa: BLE001 - raised again where the frames are asked for
            reason = error
        with ready:
            ended.append(reason)
            ready.notify()

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            with ready:
                ready.wait_for(lambda: newest or ended)
                frame = newest.pop() if newest else None
            if frame is None:
                if ended[0] is not None:
                    raise ended[0]
                return
            yield frame
    finally:
        with ready:
            ended.append(None)
