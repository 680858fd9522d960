"""Pictures to a browser on this machine: motion JPEG over HTTP."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BOUNDARY = "frame"
QUALITY = 85


class MjpegServer:
    """Serves the newest picture to everyone who looks. Use as a context manager.

    Args:
        port: On the loopback interface; 0: any free one.
    """

    def __init__(self, port: int) -> None:
        self._news = threading.Condition()
        self._jpeg, self._number, self._over = b"", 0, False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                seen = 0
                try:
                    while not outer._over:
                        seen, jpeg = outer._after(seen)
                        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:  # the page was closed
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def address(self) -> str:
        """Where to look."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> MjpegServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:  # those who wait for the next picture are let go, with the last one
            self._over = True
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, image: Tensor) -> None:
        """Make (1, 3, H, W), 0..1, the newest picture."""
        from PIL import Image

        buffer = io.BytesIO()
        pixels = image[0].movedim(0, -1).mul(255).round().clamp(0, 255).byte().cpu().contiguous().numpy()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
        with self._news:
            self._jpeg, self._number = buffer.getvalue(), self._number + 1
            self._news.notify_all()

    def _after(self, seen: int) -> tuple[int, bytes]:
        with self._news:
            self._news.wait_for(lambda: self._number > seen or self._over)
            return self._number, self._jpeg
