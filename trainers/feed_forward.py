"""What vanilla, IN and CIN share: a transformation network, one or many paintings, the loss of a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.images import resize_short_side
from ..core.losses import PerceptualLoss, StyleTargets, total_variation_loss
from ..core.spec import StyleInfo
from .args import TrainArgs
from .data import PhotoBatches, read_rgb
from .loss_network import perceptual_loss
from .style_task import BalancedTask
from .task import StepLosses
from .thumbnail import thumbnail

SAMPLE_PHOTOS = 16
"""Photos that define how far an ordinary photo is from a painting."""


class FeedForwardTask(BalancedTask):
    """One painting per photo of the batch.

    Args:
        args: The run.
        architecture: Registry id.
        hyperparameters: Of the network; the options that all three methods share are added here.
    """

    def __init__(self, args: TrainArgs, architecture: str, hyperparameters: Mapping[str, Any]) -> None:
        w1, w2, w3 = args.widths
        shared = {
            "encoder_widths": [w1, w2, w3],
            "decoder_widths": [w2, w1],
            "blocks": args.blocks,
            "bias": False,
            "upsampling": args.upsampling,
            "output": "sigmoid",
        }
        super().__init__(args, architecture, {**shared, **hyperparameters}, len(args.styles))
        torch.manual_seed(args.seed)
        self.network: StyleNetwork = self.build()
        self.loss: PerceptualLoss = perceptual_loss(args)
        self.batches = PhotoBatches(args.photos, args.size_px, args.batch, args.seed)
        self.paintings = [resize_short_side(read_rgb(path), args.style_size_px) for path in args.styles]
        self.targets: StyleTargets = self.loss.style_targets(
            [painting.to(args.device) for painting in self.paintings],
            self.batches.sample(SAMPLE_PHOTOS).to(args.device),
        )

    def build(self) -> StyleNetwork:
        """The network that is trained, freshly initialised."""
        return build_network(self.architecture, self.hyperparameters)

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch (B, 3, H, W)."""
        (photos,) = batch
        index = torch.zeros(len(photos), dtype=torch.long, device=photos.device)
        stylized = self.stylize(photos, None)
        total, style, content = self.painted(stylized, photos, index)
        return StepLosses(total / len(photos), style, content)

    def stylize(self, photos: Tensor, weights: Tensor | None) -> Tensor:
        """Forward in bfloat16 where that is asked for; (B, 3, H, W) float32."""
        code = None if weights is None else StyleCode(weights)
        with torch.autocast(photos.device.type, torch.bfloat16, enabled=self.args.bf16):
            out = self.network(photos.contiguous(memory_format=torch.channels_last), code)
        return out.float()

    def painted(self, stylized: Tensor, photos: Tensor, index: Tensor) -> tuple[Tensor, float, float]:
        """Balanced sum of the losses over the batch, and what is shown of them."""
        terms = self.loss(stylized, self.loss.content_targets(photos), self.targets, index)
        total = self.balance.total(terms.style, terms.content, index)
        if self.args.tv_weight:
            total = total + self.args.tv_weight * total_variation_loss(stylized) * len(photos)
        return total, float(terms.style.detach().mean()), float(terms.content.detach().mean())

    def styles(self) -> tuple[StyleInfo, ...]:
        """Descriptions of the paintings, in the order of their indices."""
        return tuple(
            StyleInfo(
                name=path.stem,
                style_size_px=self.args.style_size_px,
                thumbnail=thumbnail(painting),
                training={"style_weight": round(float(weight.exp()), 3)},
                **{"title": path.stem.replace("-", " ").title(), **self.args.credits.get(path.stem, {})},
            )
            for path, painting, weight in zip(self.args.styles, self.paintings, self.balance.log_weight, strict=True)
        )


def one_hot(index: Tensor, styles: int) -> Tensor:
    """(B,) → (B, S) weights that choose one style each."""
    return F.one_hot(index, styles).float()
