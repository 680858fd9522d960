"""Vanilla: one painting, batch normalization   (Johnson et al. 2016, arXiv 1603.08155)."""

from __future__ import annotations

from .args import TrainArgs
from .feed_forward import FeedForwardTask


class VanillaTask(FeedForwardTask):
    """At test time the statistics are those of the training photos: dark photos stay dark.

    In a run over several processes every process keeps statistics of its own part of the batch.
    """

    def __init__(self, args: TrainArgs) -> None:
        super().__init__(args, "transformer_net", {"norm": "batch"})
