"""The weight of style, steered so that every painting ends at the same distance from the photo."""

from __future__ import annotations

import torch
from torch import Tensor

from .shard import Shard

START = 10.0
RATE = 0.02
"""How fast log λ answers to the relative distance of the content loss from its target, for one painting alone."""
MOST_RATE = 0.08
"""For many paintings, each of which is seen more rarely."""
LOWEST, HIGHEST = -1.0, 6.0
"""Bounds of log λ."""


class Balance:
    """λ per painting: rises while the content loss is below the target, falls while it is above.

    Args:
        slots: Number of paintings.
        content_target: The content loss to hold.
        shard: All processes of a run steer by what all of them saw.
    """

    def __init__(self, slots: int, content_target: float, shard: Shard) -> None:
        self.target, self.shard = content_target, shard
        self.rate = min(MOST_RATE, RATE * slots)
        self.log_weight = torch.full((slots,), START).log()

    def total(self, style: Tensor, content: Tensor, index: Tensor) -> Tensor:
        """(λ · style + content) / (1 + λ) · start, summed over the batch; then λ takes its step.

        Divided by 1 + λ so that the balance never changes the size of the steps.
        """
        own = index.cpu()  # λ stays on the CPU, beside the files it is saved to
        weight = self.log_weight[own].exp().to(style)
        total = ((weight * style + content) / (1 + weight) * START).sum()
        wanted = self.rate * (1 - content.detach().float().cpu() / self.target).clamp(-1, 1)
        change = torch.zeros_like(self.log_weight).index_add_(0, own, wanted)
        self.log_weight = (self.log_weight + self.shard.total(change)).clamp(LOWEST, HIGHEST)
        return total
