"""IN: one painting, instance normalization   (Ulyanov et al. 2016, arXiv 1607.08022)."""

from __future__ import annotations

from .args import TrainArgs
from .feed_forward import FeedForwardTask


class InstanceTask(FeedForwardTask):
    """The photo's contrast is discarded, at test time too: better strokes than batch norm after the same time."""

    def __init__(self, args: TrainArgs) -> None:
        super().__init__(args, "transformer_net", {"norm": "instance"})
