"""CoMatch: any picture as style through its Gram matrix   (Zhang & Dana 2017, arXiv 1703.06953)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.architectures import MsgNet
from ..core.architectures._modulation import Modulator
from .any_style import AnyStyleTask
from .args import TrainArgs

EXPANSION = 1
"""The published 4 has a quarter of the width in the 3×3 convolutions, where strokes are made: after the same time the
style loss was a third higher."""
HIDDEN = 96
"""Of the modulator."""
STATISTICS_BATCHES = 16
"""Batches of style pictures that the beginning is fitted to."""
FOLLOW_RATE = 0.02
"""How fast the modulator's idea of usual statistics follows the encoder, which learns."""
RIDGE = 0.1
"""Of the mean Gram matrix's diagonal, so that its inverse does not blow up directions that hardly occur."""


class CoMatchTask(AnyStyleTask):
    """MSG-Net, trained on many paintings at once; photo and painting share the encoder."""

    def __init__(self, args: TrainArgs) -> None:
        w1, w2, w3 = args.widths
        hyperparameters = {
            "stem": w1,
            "down": w2 // EXPANSION,
            "width": w3 // EXPANSION,
            "blocks": args.blocks,
            "up": [w2 // EXPANSION, w1 // EXPANSION],
            "expansion": EXPANSION,
            "hidden": HIDDEN,
            "skip": True,
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
            network.modulator.register_forward_pre_hook(self._follow)

    @torch.no_grad()
    def _follow(self, modulator: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Keep the modulator's input standardized.

        By what was usual at the beginning alone, its inputs lay two to five deviations off after some hundred steps,
        and two thirds of its hidden units gave zero for every painting.
        """
        if modulator.training and isinstance(modulator, Modulator):
            statistics = inputs[0].detach()
            moments = torch.stack([statistics.sum(0), (statistics - modulator.mean).square().sum(0)])
            mean, variance = self.args.shard.total(moments) / self.args.batch
            modulator.follow(mean, variance, FOLLOW_RATE)
