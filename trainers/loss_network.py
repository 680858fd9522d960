"""The loss network that the options of a run describe."""

from __future__ import annotations

import torch

from ..core.checkpoints.encoder import load_encoder
from ..core.losses import PerceptualLoss
from ..core.losses.encoders import EncoderStack
from ..core.losses.statistics import style_statistic
from .args import TrainArgs


def perceptual_loss(args: TrainArgs) -> PerceptualLoss:
    """Load the encoders of a run and build its loss.

    Raises:
        CheckpointError: An encoder file that cannot be read.
        ConfigError: Unknown statistic.
    """
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    encoder = EncoderStack([load_encoder(path) for path in args.encoder], dtype).to(args.device)
    content = args.content_layers if args.content == "perceptual" else ()
    return PerceptualLoss(
        encoder, dict(args.style_layers), content, style_statistic(args.statistic), args.border_weight
    )
