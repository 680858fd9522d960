"""Every error that a user can meet: what happened, what was expected, what was found, what to do."""

from __future__ import annotations


class BrushworkError(Exception):
    """Base of all errors that Brushwork raises on purpose.

    Args:
        what: What went wrong, one sentence.
        expected: What would have been right.
        got: What was found instead.
        do: What the user can do now.
    """

    def __init__(self, what: str, *, expected: str = "", got: str = "", do: str = "") -> None:
        self.what, self.expected, self.got, self.do = what, expected, got, do
        parts = [("expected", expected), ("got", got), ("do", do)]
        super().__init__("\n".join([what, *(f"  {name}: {text}" for name, text in parts if text)]))


class ImageError(BrushworkError, ValueError):
    """A picture, mask or tensor of the wrong shape, range, dtype or file format."""


class ConfigError(BrushworkError, ValueError):
    """An option that is out of range, unknown, or contradicts another."""


class MissingPackageError(BrushworkError, ImportError):
    """An optional package that this task needs and that is not installed."""

    __str__ = BrushworkError.__str__


class StyleError(BrushworkError, KeyError):
    """A style that the model does not have, or of a kind that it cannot take."""

    __str__ = BrushworkError.__str__  # KeyError would print the repr of the message


class CheckpointError(BrushworkError):
    """A model file that cannot be read or written."""


class UnsupportedCheckpointError(CheckpointError):
    """A readable file that holds no architecture of this pack."""


class UnsafeCheckpointError(CheckpointError):
    """A pickle that wants to run code; it was not executed."""


class WeightsNotFoundError(BrushworkError, FileNotFoundError):
    """A model that is neither bundled, nor local, nor to be had from the Hub."""

    __str__ = BrushworkError.__str__


class DownloadError(BrushworkError, OSError):
    """A download that failed: no network, offline mode, gated or missing repository, full disk."""

    __str__ = BrushworkError.__str__


class ChecksumMismatchError(DownloadError):
    """Bytes that are not the ones that the manifest describes."""


class PublishError(BrushworkError, OSError):
    """A style that could not be published: offline, no token, no permission, no room, no connection."""

    __str__ = BrushworkError.__str__


class ManifestError(BrushworkError, ValueError):
    """A weights_manifest.json that does not fit its schema."""


class TrainingError(BrushworkError, RuntimeError):
    """Training that cannot start or cannot go on."""
