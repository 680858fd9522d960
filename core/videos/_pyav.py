"""PyAV, imported when a video is opened and not before: the pack works without it."""

from __future__ import annotations

from typing import Any

from ..errors import BrushworkError, ImageError


def pyav() -> Any:
    """The module `av`.

    Raises:
        BrushworkError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise BrushworkError(
            "Videos need PyAV, which is not installed.",
            expected="the Python package `av`, 12 or newer",
            got=str(error),
            do="pip install av",
        ) from error
    return av


def unreadable(name: object, error: Exception) -> ImageError:
    """The message for a file or address that PyAV cannot open or decode."""
    if isinstance(error, FileNotFoundError):
        return ImageError(
            f"There is no video {name}.",
            expected="a file, or a device or address that FFmpeg knows",
            got="nothing of that name",
            do="Check the name; a camera must be plugged in and may have another number.",
        )
    if isinstance(error, PermissionError):
        return ImageError(
            f"{name} may not be read.",
            expected="a file or device that this account has access to",
            got=str(error),
            do="Change its permissions; allow the terminal to use the camera.",
        )
    return ImageError(
        f"{name} cannot be read as a video.",
        expected="a file, device or address that FFmpeg knows, with a video stream",
        got=f"{type(error).__name__}: {error}",
        do="Play it in another program; convert it if that cannot either.",
    )
