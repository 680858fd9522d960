"""Inference in streams of rows: exact at any size, in bounded memory, with prepared weights."""

from .engine import Engine, supports

__all__ = ["Engine", "supports"]
