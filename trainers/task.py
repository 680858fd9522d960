"""What the loop asks of a method: batches, the loss of a step, and the finished model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from ..core.style_model import StyleModel


@dataclass(frozen=True)
class StepLosses:
    """One step: what is differentiated, and what is shown."""

    total: Tensor
    style: float
    content: float
    more: Mapping[str, float] = field(default_factory=dict)
    """Further terms by name, e.g. `identity`."""


class Batches(Protocol):
    """A source of training data: the same batch for the same step, always."""

    def batch(self, step: int, rows: range | None = None) -> tuple[Tensor, ...]:
        """Tensors with a leading batch dimension; of the whole batch only `rows`, where these are given."""
        ...


class Task(Protocol):
    """One method's part of a training run."""

    @property
    def network(self) -> nn.Module:
        """What is trained: the loop steps its parameters that require gradients."""
        ...

    @property
    def batches(self) -> Batches:
        """Where the training data come from."""
        ...

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What must survive a resume besides the weights."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""
        ...

    def export(self, weights: Mapping[str, Tensor], record: Mapping[str, Any], path: Path) -> None:
        """Write the finished file that a state dict of `network` makes."""
        ...


class StyleTask(Task, Protocol):
    """A task whose product is a style model, which can be previewed while it is trained."""

    def start_from(self, path: Path) -> None:
        """Take over what an earlier model knows."""
        ...

    def finished(self, weights: Mapping[str, Tensor], record: Mapping[str, Any]) -> StyleModel:
        """The model that a state dict of `network` makes."""
        ...
