"""Model files: read foreign ones, detect what they are, write and read our own."""

from .inspect import Inspection, inspect_checkpoint
from .load import convert_checkpoint, load_checkpoint
from .native import save_checkpoint

__all__ = [
    "Inspection",
    "convert_checkpoint",
    "inspect_checkpoint",
    "load_checkpoint",
    "save_checkpoint",
]
