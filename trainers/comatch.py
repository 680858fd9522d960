"""CoMatch: any picture as style through its Gram matrix   (Zhang & Dana 2017, arXiv 1703.06953)."""

from __future__ import annotations

from .any_style import AnyStyleTask
from .args import TrainArgs

EXPANSION = 4


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
        }
        super().__init__(args, "msg_net", hyperparameters)
