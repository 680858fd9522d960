"""CIN: many paintings in one net, and the photo itself as one more style   (Dumoulin et al. 2017, arXiv 1610.07629)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.exposure import restore_exposure
from ..core.losses.ssim import ssim
from ..core.spec import IDENTITY, StyleInfo
from .args import TrainArgs
from .feed_forward import FeedForwardTask, one_hot
from .task import StepLosses

IDENTITY_WEIGHT = 10.0
MOST_IDENTITY_TURNS = 4
"""Of the identity style for one of each painting: it must carry every detail, and learns slowest."""
PAINTINGS_A_TURN = 4
"""It gets a turn after so many turns of paintings, at least. Two paintings came less far in 516 steps with one of three
turns for the identity than in 308 with one of five."""


class ConditionalTask(FeedForwardTask):
    """Every photo of a batch has one style, in an order that treats all paintings alike.

    The last style is the identity: strength is a mix of γ and β towards it. Instance normalization discards the
    photo's exposure, so the identity is compared after exposure was restored, as it is when it is used.
    """

    def __init__(self, args: TrainArgs) -> None:
        self.count = len(args.styles) * max(1, len(args.stroke_sizes_px)) + 1
        super().__init__(args, "conditional_transformer_net", {"norm": "conditional", "styles": self.count})

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch (B, 3, H, W)."""
        (photos,) = batch
        index = self._styles_of(step)
        stylized = self.stylize(photos, one_hot(index, self.count))
        identity = index == self.count - 1
        total, style, content, more = stylized.new_zeros(()), 0.0, 0.0, {}
        if not identity.all():
            painted = ~identity
            total, style, content = self.painted(stylized[painted], photos[painted], index[painted], step)
        elif self.args.shard.world > 1:
            self.balance.total(photos.new_zeros(0), photos.new_zeros(0), index[:0])  # the others wait for its sum
        if identity.any():
            error = identity_loss(stylized[identity], photos[identity])
            total = total + IDENTITY_WEIGHT * error.sum()
            more = {"identity": float(error.detach().mean())}
        return StepLosses(total / len(photos), style, content, more)

    def styles(self) -> tuple[StyleInfo, ...]:
        """The paintings, then the identity."""
        return (*super().styles(), StyleInfo(IDENTITY, title="The photo itself"))

    def style_names(self) -> list[str]:
        """The paintings, then the identity."""
        return [*super().style_names(), IDENTITY]

    def _styles_of(self, step: int) -> Tensor:
        """Style indices of a step: consecutive pieces of an endless sequence of permutations."""
        paintings = self.count - 1
        rounds = -(-PAINTINGS_A_TURN // paintings)
        identity = min(MOST_IDENTITY_TURNS, max(1, paintings // PAINTINGS_A_TURN))
        turns = torch.cat([torch.arange(paintings).repeat(rounds), torch.full((identity,), paintings)])
        indices = []
        for place in self.args.shard.rows(self.args.batch):
            turn, slot = divmod(step * self.args.batch + place, len(turns))
            generator = torch.Generator().manual_seed(self.args.seed * 104_729 + turn)
            indices.append(turns[torch.randperm(len(turns), generator=generator)[slot]])
        return torch.stack(indices).to(self.args.device)


def identity_loss(stylized: Tensor, photos: Tensor) -> Tensor:
    """|y − x| + ½ (1 − SSIM) with exposure restored, shape (B,)."""
    restored = restore_exposure(stylized, photos)
    return (restored - photos).abs().mean((1, 2, 3)) + 0.5 * (1 - ssim(restored, photos))
