"""CoMatch: any picture as style through its Gram matrix   (Zhang & Dana 2017, arXiv 1703.06953)."""

from __future__ import annotations

from functools import partial

import torch

from ..core.architectures import ModulatedAdaINNet
from ..core.style_model import StyleModel
from .args import TrainArgs
from .modulated import STATISTICS_BATCHES, FrozenEncoderTask, modulated_config


class CoMatchTask(FrozenEncoderTask):
    """The features at relu4_1 are matched to the style's Gram matrix."""

    def __init__(self, args: TrainArgs) -> None:
        super().__init__(args, "comatch", partial(modulated_config, match="comatch"))
        self._begin_unchanged()

    def _start_from(self, model: StyleModel, name: str) -> None:
        super()._start_from(model, name)
        if model.spec.architecture == "adain":  # whose encoder it is now
            self._begin_unchanged()

    @torch.no_grad()
    def _begin_unchanged(self) -> None:
        """Let CoMatch change nothing on average over the style pictures: W = E[G]⁻¹."""
        network = self.network
        if isinstance(network, ModulatedAdaINNet) and network.comatch is not None:
            found = [network.encode_style(self.batches.batch(step)[1])[0] for step in range(STATISTICS_BATCHES)]
            network.comatch.whiten(torch.cat(found).mean(0))
