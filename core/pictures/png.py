"""PNG by rows: what Pillow and imagecodecs only write from a picture that lies in memory as a whole.

PNG specification, third edition (W3C, ISO/IEC 15948): chunks, the filters of section 9, 16 bits big-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

from .picture import Picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {3: 2, 4: 6}
"""Channels → truecolour, without and with alpha."""
LEVEL = 4
"""Of zlib: a third of the default's time for 2 % more bytes."""
SUB, UP, PAETH = 1, 2, 4
"""Filter types. Without any filter, and with Average, hardly a row of a picture gets smaller than by these three."""
LONGEST_SIDE = (1 << 31) - 1


def write_png(file: BinaryIO, blocks: Iterable[Any], width: int, height: int, like: Picture) -> None:
    """Write a PNG from arrays of rows.

    Args:
        file: Where to, from its current position.
        blocks: (r, W, 3 or 4), uint8 or uint16, top to bottom, `height` rows in all; at least one block.
        width: W in pixels.
        height: In pixels.
        like: Its profile and EXIF go along.
    """
    import numpy as np

    compressor = zlib.compressobj(LEVEL, strategy=zlib.Z_FILTERED)
    above: Any = None
    for block in blocks:
        channels, size = block.shape[2], block.dtype.itemsize
        if above is None:
            file.write(SIGNATURE)
            header = struct.pack(">IIBBBBB", width, height, 8 * size, COLOUR_TYPES[channels], 0, 0, 0)
            file.write(_chunk(b"IHDR", header))
            if like.icc_profile:
                file.write(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(like.icc_profile)))
            if like.exif:
                file.write(_chunk(b"eXIf", like.exif))
            above = np.zeros(width * channels * size, np.uint8)
        rows = np.ascontiguousarray(block if size == 1 else block.astype(">u2")).view(np.uint8).reshape(len(block), -1)
        if data := compressor.compress(_filtered(rows, above, channels * size)):
            file.write(_chunk(b"IDAT", data))
        above = rows[-1]
    file.write(_chunk(b"IDAT", compressor.flush()))
    file.write(_chunk(b"IEND", b""))


def _filtered(rows: Any, above: Any, step: int) -> bytes:
    """Every row with the filter whose output is smallest in absolute sum (the specification's heuristic, 12.7).

    Args:
        rows: (r, n) uint8.
        above: (n,), the row before.
        step: Bytes from one pixel to the next.
    """
    import numpy as np

    up = np.concatenate((above[None], rows[:-1]))
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, step:], corner[:, step:] = rows[:, :-step], up[:, :-step]
    choices = {SUB: rows - left, UP: rows - up, PAETH: rows - _paeth(left, up, corner)}  # modulo 256
    signed = [choice.view(np.int8) for choice in choices.values()]
    best = np.argmin([np.abs(choice, dtype=np.int16).sum(1, dtype=np.int64) for choice in signed], 0)
    out = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    for index, (kind, choice) in enumerate(choices.items()):
        chosen = best == index
        out[chosen, 0] = kind
        out[chosen, 1:] = choice[chosen]
    return out.tobytes()


def _paeth(left: Any, up: Any, corner: Any) -> Any:
    """Whichever neighbour is nearest to left + up − corner; of equally near ones the first in this order."""
    import numpy as np

    down, right = up.astype(np.int16) - corner, left.astype(np.int16) - corner
    to_left, to_up, to_corner = np.abs(down), np.abs(right), np.abs(down + right)
    nearest = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
