"""AdaIN: a decoder for features that were given another picture's statistics (Huang & Belongie 2017, 1703.06868)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.architectures.adain import AdaINConfig, AdaINNet
from ..core.architectures.vgg import cut_widths
from ..core.checkpoints.encoder import load_encoder
from ..core.checkpoints.native import save_checkpoint
from .any_style import AnyStyleTask
from .args import TrainArgs

LAYER = "relu4_1"
"""Whose statistics are exchanged, as in the paper."""


class AdaINTask(AnyStyleTask):
    """The encoder is the first loss network, frozen and cut at relu4_1; only the decoder learns."""

    def __init__(self, args: TrainArgs) -> None:
        source = load_encoder(args.transfer_encoder or args.encoder[0])
        config = replace(source.config, widths=cut_widths(source.config.widths, LAYER))
        super().__init__(args, "adain", AdaINConfig(config).to_dict())
        network = self.network
        if isinstance(network, AdaINNet):
            own = network.encoder.state_dict()
            network.encoder.load_state_dict({k: v for k, v in source.state_dict().items() if k in own})
            network.encoder.requires_grad_(False)

    def export(self, weights: Mapping[str, Tensor], record: Mapping[str, Any], path: Path) -> None:
        """Write the model; without its encoder where that is shipped as a file of its own."""
        leave_out = "encoder." if self.args.leave_out_encoder else ""
        save_checkpoint(self.finished(weights, record), path, leave_out=leave_out)
