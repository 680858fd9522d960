"""Hashes of local files, remembered while a file does not change."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ChecksumMismatchError

CHUNK_BYTES = 1 << 20

_KNOWN: dict[tuple[str, int, int], str] = {}


def sha256_of(path: Path, *, fresh: bool = False) -> str:
    """Hex SHA-256 of a file; remembered for this process by path, size and modification time.

    Args:
        path: An existing file.
        fresh: Read the file again even where its hash is remembered.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if fresh or key not in _KNOWN:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        _KNOWN[key] = digest.hexdigest()
    return _KNOWN[key]


def check_file(path: Path, sha256: str | None, size: int | None, *, fresh: bool = False) -> None:
    """Compare a local file with what is known of it; nothing known, nothing checked.

    Raises:
        ChecksumMismatchError: Other size or hash. The file stays: it may be the user's own.
    """
    actual_size = path.stat().st_size
    if size is not None and actual_size != size:
        raise _mismatch(path, f"{size} bytes", f"{actual_size} bytes")
    if sha256 is not None:
        actual = sha256_of(path, fresh=fresh)
        if actual != sha256:
            raise _mismatch(path, f"sha256 {sha256}", f"sha256 {actual}")


def _mismatch(path: Path, expected: str, got: str) -> ChecksumMismatchError:
    return ChecksumMismatchError(
        f"{path} is not the file that was promised under this name.",
        expected=expected,
        got=got,
        do="If it is yours, give its path or rename it; otherwise delete it and get it again.",
    )
