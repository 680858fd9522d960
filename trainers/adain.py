"""AdaIN: a decoder for features that were given another picture's statistics (Huang & Belongie 2017, 1703.06868)."""

from __future__ import annotations

from functools import partial

from ..core.architectures import AdaINConfig
from .args import TrainArgs
from .modulated import FrozenEncoderTask, modulated_config

MODULATED = "modulated"
"""The other decoder, "mirrored", is the paper's."""


class AdaINTask(FrozenEncoderTask):
    """Mean and deviation at relu4_1 are exchanged."""

    def __init__(self, args: TrainArgs) -> None:
        modulated = partial(modulated_config, match="adain")
        super().__init__(args, "adain", modulated if args.decoder == MODULATED else AdaINConfig)
