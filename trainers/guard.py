"""What happens when steps go wrong: one is left out, several in a row lead back to the last good state.

One alone says nothing about the learning rate. A crop of one flat colour is the likely cause: every instance norm of a
channel without contrast multiplies the gradient by 1/√ε, and a dozen of them can leave the range of bfloat16.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..core.errors import TrainingError
from .task import Task

log = logging.getLogger("brushwork.trainers")

SNAPSHOT_EVERY = 50
"""Steps between states that can be returned to."""
MOST_ROLLBACKS = 12
"""Halvings before the run is given up: from a learning rate of 10 they reach 0.002."""
JUMP = 5.0
"""A loss this many times its running mean is high; one high step is an odd batch."""
PATIENCE = 10
"""High steps in a row that are a divergence."""
MOST_SKIPPED = 3
"""Steps in a row without a finite loss and gradient that are a divergence."""
MEMORY = 0.98
"""Of the running mean of the loss."""


class Guard:
    """Watches loss and gradients, keeps a snapshot, rolls back.

    Args:
        task: Whose own state is kept too.
        network: Trained in place.
        optimizer: Its moments go back as well.
        average: Averaged weights, in place.
    """

    def __init__(
        self, task: Task, network: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor]
    ) -> None:
        self.task, self.network, self.optimizer, self.average = task, network, optimizer, average
        self.rate = 1.0
        """Factor on the learning rate."""
        self.rollbacks = 0
        self._mean, self._high, self._skipped = math.nan, 0, 0
        self._keep()

    def record(self) -> dict[str, float]:
        """What a resumed run goes on with: numbers for the header of the saved state."""
        return {
            "rate": self.rate,
            "rollbacks": self.rollbacks,
            "mean": self._mean,
            "high": self._high,
            "skipped": self._skipped,
        }

    def resume(self, record: Mapping[str, float]) -> None:
        """Inverse of `record`; states of earlier versions have the rate alone."""
        self.rate = record["rate"]
        self.rollbacks, self._high = int(record.get("rollbacks", 0)), int(record.get("high", 0))
        self._mean = record.get("mean", math.nan)
        self._skipped = int(record.get("skipped", 0))

    def healthy(self, loss: Tensor) -> bool:
        """Whether the step may be taken: a finite loss that has not left its running mean for good."""
        value = float(loss.detach())
        if not math.isfinite(value):
            return False
        if value > JUMP * self._mean:
            self._high += 1
            return self._high < PATIENCE
        self._high = 0
        self._mean = value if math.isnan(self._mean) else MEMORY * self._mean + (1 - MEMORY) * value
        return True

    def after_step(self, step: int, taken: bool) -> bool:
        """Take a snapshot when it is time; False if the run has diverged.

        Args:
            step: Number of steps so far.
            taken: Whether the last one changed the weights, or was left out.
        """
        self._skipped = 0 if taken else self._skipped + 1
        if self._skipped == MOST_SKIPPED or self._high == PATIENCE:
            return False
        if step % SNAPSHOT_EVERY == 0:
            if not all(torch.isfinite(p).all() for p in self.network.parameters()):
                return False
            self._keep()
        return True

    def rollback(self, step: int) -> None:
        """Return to the last snapshot with half the learning rate.

        Raises:
            TrainingError: It happened too often.
        """
        self.rollbacks += 1
        self.rate *= 0.5
        self._high = self._skipped = 0
        if self.rollbacks > MOST_ROLLBACKS:
            raise TrainingError(
                f"Training does not hold together, at step {step} and before.",
                expected="a finite loss",
                got=f"{MOST_ROLLBACKS} returns to an earlier state, each with half the learning rate",
                do="Use a lower learning rate; the file saved before is unharmed.",
            )
        log.warning("step %d went wrong: back to the last good state, learning rate × %g", step, self.rate)
        self.network.load_state_dict(self._network)
        # a copy, since the optimizer takes the tensors it is given as its own
        self.optimizer.load_state_dict(copy.deepcopy(self._optimizer))
        for name, tensor in self._average.items():
            self.average[name].copy_(tensor)
        self.task.load_state(self._task)

    def _keep(self) -> None:
        self._network = {k: v.clone() for k, v in self.network.state_dict().items()}
        self._optimizer = copy.deepcopy(self.optimizer.state_dict())
        self._average = {k: v.clone() for k, v in self.average.items()}
        self._task = {k: v.clone() for k, v in self.task.state().items()}
