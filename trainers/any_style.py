"""What CoMatch and AdaIN share: every photo of a batch meets a style picture of its own, drawn from many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.images import resize_image
from ..core.losses import PerceptualLoss
from ..core.losses.ssim import ssim
from .args import TrainArgs
from .data import PhotoBatches, picture_files
from .loss_network import perceptual_loss
from .style_task import BalancedTask
from .task import StepLosses
from .view import view_of

OWN_SHARE = 0.08
"""Share of photos that are their own style: of these the network must make the photo again, which is strength 0."""
OWN_WEIGHT = 10.0
STYLE_ZOOM = 2.5
"""Paintings are cut from pictures of 1 to that many crops: strokes and motifs of several sizes."""
SAMPLE_PHOTOS = 32
"""Photos that define how far an ordinary photo is from a painting."""


class StyledBatches:
    """Photos, as many style pictures (crops at several scales, changed colours, mixtures), and which are equal.

    Args:
        args: `styles` holds picture files and folders.
    """

    def __init__(self, args: TrainArgs) -> None:
        self.photos = PhotoBatches(args.photos, args.size_px, args.batch, args.seed, zoom=args.zoom)
        styles = picture_files(args.styles)
        self.styles = PhotoBatches(styles, args.style_size_px, args.batch, args.seed + 1, zoom=STYLE_ZOOM)
        self.seed = args.seed

    def batch(self, step: int, rows: range | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Photos (B, 3, size_px, size_px), styles (B, 3, style_size_px, style_size_px), 0..1; (B,) own style or not."""
        (photos,), (styles,) = self.photos.batch(step), self.styles.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 32_452_843 + step)
        count = len(styles)

        def uniform(low: float, high: float, channels: int = 1) -> Tensor:
            return torch.rand(count, channels, 1, 1, generator=generator) * (high - low) + low

        mixed = torch.lerp(styles, styles.roll(1, 0), 0.5 * (uniform(0, 1) < 0.1))
        gain = torch.where(uniform(0, 1) < 0.3, uniform(0.6, 1.3, 3), torch.ones(1))
        order = torch.stack([torch.randperm(3, generator=generator) for _ in range(count)])
        swapped = torch.stack([picture[places] for picture, places in zip(mixed, order, strict=True)])
        styles = torch.where(uniform(0, 1) < 0.15, swapped, mixed)
        styles = ((styles - 0.5) * gain + 0.5).clamp(0, 1)
        own = torch.rand(count, generator=generator) < OWN_SHARE
        fitted = resize_image(photos, *styles.shape[-2:])
        styles = torch.where(own[:, None, None, None], fitted, styles)
        parts = (photos, styles, own)
        return parts if rows is None else tuple(part[rows.start : rows.stop] for part in parts)  # pyright: ignore


class AnyStyleTask(BalancedTask):
    """The loss of a step for networks that take the style as a picture.

    Args:
        args: The run.
        architecture: Registry id.
        hyperparameters: Of the network.
    """

    def __init__(self, args: TrainArgs, architecture: str, hyperparameters: Mapping[str, Any]) -> None:
        super().__init__(args, architecture, hyperparameters, 1)
        torch.manual_seed(args.seed)
        self.network: StyleNetwork = build_network(architecture, self.hyperparameters)
        self.loss: PerceptualLoss = perceptual_loss(args)
        self.batches = StyledBatches(args)
        self.photos = self.loss.describe(self.batches.photos.sample(SAMPLE_PHOTOS).to(args.device))

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch: photos (B, 3, H, W), styles (B, 3, h, w), own (B,)."""
        photos, styles, own = batch
        stylized = self.stylize(photos, styles)
        painted, total, more = ~own, stylized.new_zeros(()), {}
        # without a painting in the batch the balance is still asked: other processes wait for its sum
        index = torch.zeros(int(painted.sum()), dtype=torch.long, device=photos.device)
        style = content = photos.new_zeros(len(index))
        if len(index):
            view = view_of(step)
            terms = self.loss(
                view.crop(stylized[painted]),
                self.loss.content_targets(view.crop(photos[painted])),
                self.loss.style_targets([view.turn(styles[painted])], self.photos),
                torch.arange(len(index), device=photos.device),
            )
            style, content = terms.style, terms.content
        total = total + self.balance.total(style, content, index)
        if own.any():
            error = reconstruction_loss(stylized[own], photos[own])
            total = total + OWN_WEIGHT * error.sum()
            more = {"own": float(error.detach().mean())}
        total = total / len(photos)
        # Networks with a linear output are not held in range by anything else.
        total = total + 10 * (stylized - stylized.clamp(0, 1)).square().mean()
        total = total + self.regularization(stylized)
        shown = [float(part.detach().mean()) if len(index) else 0.0 for part in (style, content)]
        return StepLosses(total, shown[0], shown[1], more)

    def stylize(self, photos: Tensor, styles: Tensor) -> Tensor:
        """Every photo (B, 3, H, W) in the style of its own picture (B, 3, h, w): (B, 3, H, W) float32."""
        with torch.autocast(photos.device.type, torch.bfloat16, enabled=self.args.bf16):
            features = self.network.encode_style(styles.contiguous(memory_format=torch.channels_last))
        return self.paint(photos, StyleCode(torch.eye(len(photos), device=photos.device), features))


def reconstruction_loss(stylized: Tensor, photos: Tensor) -> Tensor:
    """|y − x| + ½ (1 − SSIM), shape (B,)."""
    return (stylized - photos).abs().mean((1, 2, 3)) + 0.5 * (1 - ssim(stylized, photos))
