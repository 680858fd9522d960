"""A file that grows beside its target and takes its place when it is whole and right."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ChecksumMismatchError, DownloadError
from .integrity import CHUNK_BYTES

FULL_DISK = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
SPARE_BYTES = 16 << 20
"""Left free on the disk, for pins, locks and everyone else."""


class PartFile:
    """`{name}.{version}.part` beside `target`, opened for appending; hashed while it grows.

    Args:
        target: The final file; its folder is made.
        version: What the bytes are a part of, e.g. an ETag: a part of another version is not resumed.
        total_bytes: Size of the whole.
        label: How messages call the file.
    """

    def __init__(self, target: Path, version: str, total_bytes: int, label: str) -> None:
        self.target, self.total_bytes, self.label = target, total_bytes, label
        self.path = part_path(target, version)
        self.sha256 = hashlib.sha256()
        self.git_sha1 = hashlib.sha1(b"blob %d\0" % total_bytes, usedforsecurity=False)
        self.done_bytes = 0
        with self._disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._take_up()
            self._check_space()
            self._file = self.path.open("ab")

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            DownloadError: The disk is full or the folder not writable; the part is removed.
            ChecksumMismatchError: More bytes than the whole has; the part is removed.
        """
        if self.done_bytes + len(data) > self.total_bytes:
            self.discard()
            raise self._mismatch(f"{self.total_bytes} bytes", "more")
        with self._disk():
            self._file.write(data)
        self._count(data)

    def restart(self) -> None:
        """Forget what is there, e.g. because the server cannot resume."""
        with self._disk():
            self._file.truncate(0)
        self.sha256 = hashlib.sha256()
        self.git_sha1 = hashlib.sha1(b"blob %d\0" % self.total_bytes, usedforsecurity=False)
        self.done_bytes = 0

    def finish(self, sha256: str | None, git_sha1: str | None = None) -> str:
        """Verify, flush to the disk, and put in the target's place; other parts of the target are removed.

        Args:
            sha256: What the whole must have; None: unknown.
            git_sha1: The same for git's hash of the content.

        Returns:
            The SHA-256.

        Raises:
            ChecksumMismatchError: Another size or hash; the part is removed.
            DownloadError: The disk is full or the folder not writable; the part is removed.
        """
        got = self.sha256.hexdigest()
        if self.done_bytes != self.total_bytes or (sha256 is not None and got != sha256):
            self.discard()
            known = f"sha256 {sha256}, " if sha256 else ""
            raise self._mismatch(f"{known}{self.total_bytes} bytes", f"sha256 {got}, {self.done_bytes} bytes")
        if sha256 is None and git_sha1 is not None and self.git_sha1.hexdigest() != git_sha1:
            self.discard()
            raise self._mismatch(f"git hash {git_sha1}", f"git hash {self.git_sha1.hexdigest()}")
        with self._disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.path.replace(self.target)
            for stale in self.target.parent.glob(f"{_escaped(self.target.name)}.*.part"):
                stale.unlink(missing_ok=True)
        return got

    def close(self) -> None:
        """Keep the part for resuming; nothing to do after `finish` or `discard`."""
        with self._disk():
            self._file.close()
            if not self.done_bytes:
                self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part."""
        self._remove()

    def _take_up(self) -> None:
        if not self.path.exists():
            return
        if self.path.stat().st_size > self.total_bytes:
            self.path.unlink()
            return
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self._count(chunk)

    def _count(self, data: bytes) -> None:
        self.sha256.update(data)
        self.git_sha1.update(data)
        self.done_bytes += len(data)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.target.parent).free
        needed = self.total_bytes - self.done_bytes
        if needed and free < needed + SPARE_BYTES:
            raise DownloadError(
                f"There is no room for {self.label}.",
                expected=f"{(needed + SPARE_BYTES) / 1e6:.1f} MB free in {self.target.parent}",
                got=f"{free / 1e6:.1f} MB free",
                do="Free disk space, or choose another models folder.",
            )

    def _remove(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            with suppress(OSError):  # closing flushes, which a full disk refuses again; the file goes anyway
                file.close()
        self.path.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except DownloadError:
            raise
        except OSError as error:
            self._remove()
            full = error.errno in FULL_DISK
            raise DownloadError(
                f"{self.label} could not be written to {self.target.parent}.",
                expected=f"{self.total_bytes / 1e6:.1f} MB of space" if full else "a folder that can be written",
                got=f"{type(error).__name__}: {error.strerror or error}; the partial file was removed",
                do="Free disk space and try again." if full else "Check the permissions, or choose another folder.",
            ) from error

    def _mismatch(self, expected: str, got: str) -> ChecksumMismatchError:
        return ChecksumMismatchError(
            f"{self.label} arrived with other bytes than were promised.",
            expected=expected,
            got=f"{got}; the partial file was removed",
            do="Try again, or check your proxy.",
        )


def part_path(target: Path, version: str) -> Path:
    """Where the part of one version of `target` grows."""
    return target.with_name(f"{target.name}.{version[:12]}.part")


def _escaped(name: str) -> str:
    """For glob: brackets in a file name are no character class."""
    return "".join(f"[{c}]" if c in "[]*?" else c for c in name)
