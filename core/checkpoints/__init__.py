"""Model files: read foreign ones, detect what they are, write and read our own."""

from .load import load_checkpoint
from .native import save_checkpoint

__all__ = ["load_checkpoint", "save_checkpoint"]
