"""Normalization statistics that remember: what keeps the picture's overall colour and contrast from pulsing.

Instance normalization divides by the mean and deviation of the frame at hand, so one bright car in a corner changes
every pixel of the painting. Smoothed over frames,

    μ_t ← k μ_{t−1} + (1 − k) μ_t,   σ_t likewise,

the whole picture changes slowly and the car only where it is. A scene cut starts anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor

from ...architectures._statistics import statistics_hook


class SmoothedStatistics:
    """Exponential means of μ and σ of every normalization layer.

    Layers are known by their order in a pass, and passes by theirs in the frame: a frame may be painted in several
    (coarse and fine, say), as long as every frame is painted in the same ones. Styles by place normalize by their own
    regions and are left as they are.

    Args:
        keep: k above, 0 ≤ k < 1: the share of the past.
    """

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self._memory: dict[str, tuple[Tensor, Tensor]] = {}
        self._moved: dict[str, tuple[Tensor, Tensor]] = {}
        self._pass = self._layer = 0

    def reset(self) -> None:
        """Forget: the next frame is the first."""
        self._memory.clear()

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """One frame: paintings made inside use the means, and move them if all goes well."""
        self._pass = 0
        self._moved = {}
        with statistics_hook(self):
            yield
        self._memory |= self._moved

    def begin_pass(self) -> None:
        """Called by the network."""
        self._pass, self._layer = self._pass + 1, 0

    def undo_pass(self) -> None:
        """Called when it failed, for want of memory perhaps: another attempt is the same pass."""
        self._pass -= 1

    def __call__(self, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """Called by each layer."""
        key = f"{self._pass}.{self._layer}"
        self._layer += 1
        before = self._memory.get(key)
        if before is not None and before[0].shape == mean.shape:
            mean = mean.lerp(before[0].to(mean), self.keep)
            deviation = deviation.lerp(before[1].to(deviation), self.keep)
        self._moved[key] = (mean, deviation)
        return mean, deviation

    def state_dict(self) -> dict[str, Tensor]:
        """Names → tensors, for `load_state_dict`."""
        return {f"{key}.{i}": part for key, pair in self._memory.items() for i, part in enumerate(pair)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken."""
        keys = {name.rpartition(".")[0] for name in state}
        self._memory = {key: (state[f"{key}.0"], state[f"{key}.1"]) for key in keys}
