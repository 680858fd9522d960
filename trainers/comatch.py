"""CoMatch: any picture as style through its Gram matrix   (Zhang & Dana 2017, arXiv 1703.06953)."""

from __future__ import annotations

import torch

from ..core.architectures import MsgNet
from .any_style import AnyStyleTask
from .args import TrainArgs

EXPANSION = 4
INNER = 2
"""A bottleneck's 3×3 convolution has this fraction of the stage's width, a quarter of the work of a plain network's."""
HIDDEN = 96
"""Of the modulator."""
STATISTICS_BATCHES = 16
"""Batches of style pictures that the beginning is fitted to."""
RIDGE = 0.1
"""Of the mean Gram matrix's diagonal, so that its inverse does not blow up directions that hardly occur."""


class CoMatchTask(AnyStyleTask):
    """MSG-Net, trained on many paintings at once; photo and painting share the encoder."""

    def __init__(self, args: TrainArgs) -> None:
        w1, w2, w3 = args.widths
        hyperparameters = {
            "stem": w1,
            "down": w2 // INNER,
            "width": w3 // INNER,
            "blocks": args.blocks,
            "up": [w2 // INNER, w1 // INNER],
            "expansion": EXPANSION,
            "hidden": HIDDEN,
        }
        super().__init__(args, "msg_net", hyperparameters)
        if isinstance(self.network, MsgNet):
            self._prepare(self.network)

    @torch.no_grad()
    def _prepare(self, network: MsgNet) -> None:
        """Begin with a CoMatch that changes nothing on average over the style pictures: W = E[G]⁻¹.

        From positive random weights, the features of all photos would leave CoMatch along one and the same direction.
        """
        found = [network.describe(self.batches.batch(step)[1]) for step in range(STATISTICS_BATCHES)]
        gram, statistics = (torch.cat(parts) for parts in zip(*found, strict=True))
        mean = gram.mean(0) * network.comatch.gain
        ridge = RIDGE * mean.diagonal().mean() * torch.eye(len(mean))
        network.comatch.weight.copy_(torch.linalg.inv(mean + ridge))
        if network.modulator is not None:
            network.modulator.standardize(statistics)
