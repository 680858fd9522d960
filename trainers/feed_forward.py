"""What vanilla, IN and CIN share: a transformation network, one or many paintings, the loss of a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.checkpoints import load_checkpoint
from ..core.images import resize_short_side
from ..core.losses import PerceptualLoss, StyleTargets
from ..core.spec import IDENTITY, StyleInfo
from ..core.style_model import StyleModel
from .args import STROKE_SUFFIXES, TrainArgs
from .data import PhotoBatches, read_rgb
from .loss_network import perceptual_loss
from .style_task import BalancedTask
from .task import StepLosses
from .thumbnail import thumbnail
from .view import View, view_of
from .warm_start import rows_by_name, take_over

SAMPLE_PHOTOS = 16
"""Photos that define how far an ordinary photo is from a painting."""
NEAREST_PHOTOS = 4
"""Photos by which the style nearest to a painting is found."""


@dataclass(frozen=True)
class Painting:
    """A picture at the scale at which it is learned: one style."""

    name: str
    path: Path
    size_px: int
    """Short side."""
    image: Tensor
    """(1, 3, h, w), 0..1."""


def paintings_of(args: TrainArgs) -> list[Painting]:
    """The styles of a run: every picture, at every stroke size."""
    sizes = args.stroke_sizes_px or (args.style_size_px,)
    suffixes = STROKE_SUFFIXES.get(len(sizes), ("",))
    return [
        Painting(path.stem + suffix, path, size, resize_short_side(read_rgb(path), size))
        for path in args.styles
        for suffix, size in zip(suffixes, sizes, strict=True)
    ]


class FeedForwardTask(BalancedTask):
    """One painting per photo of the batch; several take turns.

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
        self.paintings = paintings_of(args)
        super().__init__(args, architecture, {**shared, **hyperparameters}, len(self.paintings))
        torch.manual_seed(args.seed)
        self.network: StyleNetwork = self.build()
        self.loss: PerceptualLoss = perceptual_loss(args)
        self.batches = PhotoBatches(args.photos, args.size_px, args.batch, args.seed, zoom=args.zoom)
        self.photos = self.loss.describe(self.batches.sample(SAMPLE_PHOTOS).to(args.device))
        self._targets: dict[int, StyleTargets] = {}

    def build(self) -> StyleNetwork:
        """The network that is trained, freshly initialised."""
        return build_network(self.architecture, self.hyperparameters)

    def targets(self, side: int = 0) -> StyleTargets:
        """The paintings as the loss network sees them from a side (`View`); described when they are first asked for."""
        if side not in self._targets:
            pictures = [View(0, 0, side).turn(painting.image.to(self.args.device)) for painting in self.paintings]
            self._targets[side] = self.loss.style_targets(pictures, self.photos)
        return self._targets[side]

    def start_from(self, path: Path) -> None:
        """Take over an earlier model's weights and balance; of a CIN model, style by style (`rows_by_name`)."""
        model = load_checkpoint(path)
        rows = [0] * len(self.style_names())
        if model.style_kind == "conditional":
            rows = rows_by_name(self.style_names(), model.spec.style_names, lambda i: self.nearest_style(model, i))
        take_over(self.network, model, rows, path.name)
        learned = [info.training.get("style_weight") for info in model.spec.styles]
        for place, row in zip(range(len(self.paintings)), rows, strict=False):
            weight = learned[row] if row < len(learned) else None
            if weight:
                self.balance.log_weight[place] = math.log(weight)

    def style_names(self) -> list[str]:
        """Names of the rows that a conditional network has, in order."""
        return [painting.name for painting in self.paintings]

    def nearest_style(self, model: StyleModel, painting: int) -> int:
        """Index of the style of `model` whose pictures have the least style loss against a painting of this run.

        Never the identity: from there a painting is learned as slowly as from nothing.
        """
        photos = self.batches.sample(NEAREST_PHOTOS).to(self.args.device)
        content = self.loss.content_targets(photos)
        index = torch.full((len(photos),), painting, dtype=torch.long, device=photos.device)
        losses = {
            place: float(self.loss(model(photos, name), content, self.targets(), index).style.mean())
            for place, name in enumerate(model.spec.style_names)
            if name != IDENTITY
        }
        return min(losses, key=losses.__getitem__, default=0)

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch (B, 3, H, W), whose photos the paintings share out."""
        (photos,) = batch
        count, places = len(self.paintings), self.args.shard.rows(self.args.batch)
        index = (step * self.args.batch + torch.arange(places.start, places.stop, device=photos.device)) % count
        stylized = self.stylize(photos, one_hot(index, count) if count > 1 else None)
        total, style, content = self.painted(stylized, photos, index, step)
        return StepLosses(total / len(photos), style, content)

    def stylize(self, photos: Tensor, weights: Tensor | None) -> Tensor:
        """Photos (B, 3, H, W) in styles of weights (B, S), None where there is one: the same shape, float32."""
        return self.paint(photos, None if weights is None else StyleCode(weights))

    def painted(self, stylized: Tensor, photos: Tensor, index: Tensor, step: int) -> tuple[Tensor, float, float]:
        """Balanced sum of the losses over the batch, and what is shown of them."""
        view = view_of(step)
        wanted = self.loss.content_targets(view.crop(photos))
        terms = self.loss(view.crop(stylized), wanted, self.targets(view.side), index)
        total = self.balance.total(terms.style, terms.content, index)
        total = total + self.regularization(stylized) * len(photos)
        return total, float(terms.style.detach().mean()), float(terms.content.detach().mean())

    def styles(self) -> tuple[StyleInfo, ...]:
        """Descriptions of the paintings, in the order of their indices."""
        return tuple(
            StyleInfo(
                name=painting.name,
                style_size_px=painting.size_px,
                thumbnail=thumbnail(painting.image),
                training={"style_weight": round(float(weight.exp()), 3)},
                **{
                    "title": painting.path.stem.replace("-", " ").title(),
                    **self.args.credits.get(painting.path.stem, {}),
                },
            )
            for painting, weight in zip(self.paintings, self.balance.log_weight, strict=True)
        )


def one_hot(index: Tensor, styles: int) -> Tensor:
    """(B,) → (B, S) weights that choose one style each."""
    return F.one_hot(index, styles).float()
