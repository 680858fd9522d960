"""Gradient descent on pixels: L-BFGS or Adam, with progress and a way out after every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import ConfigError, TrainingError

Optimizer = Literal["lbfgs", "adam"]
LEARNING_RATE = 0.02
"""Of Adam at the start, in pixel values a step; it falls along a cosine, or the last steps would only tremble."""
HISTORY = 50
"""Steps that L-BFGS remembers."""

LINE_SEARCH = 25
"""Most evaluations of a step of L-BFGS; most steps need one or two."""

Terms = dict[str, Tensor]
"""Name of a loss → scalar: what is reported."""
Loss = Callable[[Tensor], tuple[Tensor, Terms]]
"""Picture (1, 3, H, W), not clamped → scalar that is minimised, and its parts."""
PixelProgress = Callable[[int, int, Tensor], None]
"""Called with (steps done, steps in all, picture (3, H, W) in 0..1) after every step. What it raises ends the run."""


@dataclass(frozen=True)
class Painted:
    """A picture that was optimised."""

    image: Tensor
    """(1, 3, H, W), 0..1."""
    history: list[dict[str, float]] = field(default_factory=list)
    """The terms at the start and after every step."""


def optimise_pixels(
    start: Tensor, loss: Loss, steps: int, optimizer: Optimizer = "lbfgs", progress: PixelProgress | None = None
) -> Painted:
    """Minimise a loss over the pixels of one picture.

    The pixels are free; the mean squared distance to 0..1 is added to the loss, and the result is clamped.

    Args:
        start: (1, 3, H, W), 0..1; not modified.
        loss: What is minimised.
        steps: Gradient steps; L-BFGS needs a few more evaluations than that for its line search.
        optimizer: lbfgs (Gatys et al. 2016, and fewer steps) | adam.
        progress: See `PixelProgress`.

    Raises:
        ConfigError: Unknown optimizer, or less than one step.
        TrainingError: The loss is not finite.
    """
    if optimizer not in get_args(Optimizer) or steps < 1:
        raise ConfigError(
            "The pixels cannot be optimised like this.",
            expected=f"{' | '.join(get_args(Optimizer))}, at least 1 step",
            got=f"{optimizer}, {steps} steps",
            do="Choose one of these, and a few hundred steps.",
        )
    with torch.inference_mode(False), torch.enable_grad():
        pixels = start.detach().clone().requires_grad_(True)
        descent = _Descent(pixels, loss, steps, optimizer)
        history = []
        for step in range(1, steps + 1):
            history.append(descent.step())
            if progress is not None:
                progress(step, steps, pixels.detach()[0].clamp(0, 1))
        return Painted(pixels.detach().clamp(0, 1), [*history, descent.terms()])


class _Descent:
    """One of the two optimizers behind the same step."""

    def __init__(self, pixels: Tensor, loss: Loss, steps: int, optimizer: Optimizer) -> None:
        self.pixels, self.loss, self.schedule = pixels, loss, None
        self._before: dict[str, float] | None = None
        if optimizer == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam([pixels], LEARNING_RATE)
            self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        else:
            self.optimizer = torch.optim.LBFGS(
                [pixels],
                max_iter=1,
                max_eval=LINE_SEARCH,
                history_size=HISTORY,
                line_search_fn="strong_wolfe",
                tolerance_grad=0,
                tolerance_change=0,
            )

    def terms(self) -> dict[str, float]:
        """The losses where the pixels are now."""
        with torch.no_grad():
            return self._numbers(self.loss(self.pixels)[1])

    def step(self) -> dict[str, float]:
        """Take one step; the terms are those before it: a line search also looks at places that it does not take."""
        self._before = None
        self.optimizer.step(self._evaluate)  # pyright: ignore[reportCallIssue, reportArgumentType]
        if self.schedule is not None:
            self.schedule.step()
        return self._before or self.terms()

    def _evaluate(self) -> Tensor:
        self.optimizer.zero_grad()
        loss, terms = self.loss(self.pixels)
        total = loss + (self.pixels - self.pixels.detach().clamp(0, 1)).square().mean()
        # gradients of about 1 a pixel: L-BFGS passes over curvature that is below 1e-10
        total = total * self.pixels.numel()
        total.backward()
        self._before = self._before or self._numbers(terms)
        return total

    @staticmethod
    def _numbers(terms: Terms) -> dict[str, float]:
        numbers = {name: float(value.detach()) for name, value in terms.items()}
        if not all(abs(value) < float("inf") for value in numbers.values()):  # false for NaN too
            raise TrainingError(
                "The optimisation of pixels left the range of numbers.",
                expected="a finite loss",
                got=", ".join(f"{name} {value:g}" for name, value in numbers.items()),
                do="Use adam, or a picture with more than one colour.",
            )
        return numbers
