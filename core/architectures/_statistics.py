"""A place to step in between the statistics of a feature map and the normalization that uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

from torch import Tensor


class StatisticsHook(Protocol):
    """Sees and may change the statistics of every instance normalization and AdaIN of a painting network."""

    def begin_pass(self) -> None:
        """A forward pass begins."""
        ...

    def undo_pass(self) -> None:
        """It failed; the same pass may begin again."""
        ...

    def __call__(self, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """(μ, σ) of the next layer of the pass, each (B, C), float32 or better → those to normalize with.

        σ is √(variance + ε).
        """
        ...


_wanted: ContextVar[StatisticsHook | None] = ContextVar("brushwork_statistics_wanted", default=None)
_active: ContextVar[StatisticsHook | None] = ContextVar("brushwork_statistics_active", default=None)


@contextlib.contextmanager
def statistics_hook(hook: StatisticsHook) -> Iterator[None]:
    """Paintings made inside the block ask `hook`; encoding of style pictures and training never do."""
    token = _wanted.set(hook)
    try:
        yield
    finally:
        _wanted.reset(token)


def hook_wanted() -> bool:
    """Whether a hook is set: what paints without `painting_pass` must then leave it to what paints with it."""
    return _wanted.get() is not None


@contextlib.contextmanager
def painting_pass() -> Iterator[None]:
    """Around one forward pass that paints."""
    hook = _wanted.get()
    if hook is None:
        yield
        return
    hook.begin_pass()
    token = _active.set(hook)
    try:
        yield
    except BaseException:
        hook.undo_pass()
        raise
    finally:
        _active.reset(token)


def active_hook() -> StatisticsHook | None:
    """The hook of this pass, or None: then nothing is computed differently."""
    return _active.get()
