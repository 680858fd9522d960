"""What CoMatch and AdaIN share: every photo of a batch meets a style picture of its own, drawn from many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.losses import PerceptualLoss, total_variation_loss
from .args import TrainArgs
from .data import PhotoBatches, picture_files
from .loss_network import perceptual_loss
from .style_task import BalancedTask
from .task import StepLosses

PHOTO_SHARE = 0.1
"""Share of style pictures that are photos: the network must also leave a picture nearly as it is."""


class StyledBatches:
    """Photos, and as many style pictures: crops at several scales, with changed colours and mixtures.

    Args:
        args: `styles` holds picture files and folders.
    """

    def __init__(self, args: TrainArgs) -> None:
        self.photos = PhotoBatches(args.photos, args.size_px, args.batch, args.seed)
        self.styles = PhotoBatches(picture_files(args.styles), args.style_size_px, args.batch, args.seed + 1)
        self.seed = args.seed

    def batch(self, step: int, rows: range | None = None) -> tuple[Tensor, Tensor]:
        """Photos (B, 3, size_px, size_px) and styles (B, 3, style_size_px, style_size_px), 0..1."""
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
        if styles.shape == photos.shape:
            styles = torch.where(uniform(0, 1) < PHOTO_SHARE, photos.roll(1, 0), styles)
        return (photos, styles) if rows is None else (photos[rows.start : rows.stop], styles[rows.start : rows.stop])


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

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch: photos (B, 3, H, W), styles (B, 3, h, w)."""
        photos, styles = batch
        count = len(photos)
        with torch.autocast(photos.device.type, torch.bfloat16, enabled=self.args.bf16):
            features = self.network.encode_style(styles.contiguous(memory_format=torch.channels_last))
            code = StyleCode(torch.eye(count, device=photos.device), features)
            stylized = self.network(photos.contiguous(memory_format=torch.channels_last), code)
        stylized = stylized.float()
        targets = self.loss.style_targets([styles], photos)
        terms = self.loss(
            stylized, self.loss.content_targets(photos), targets, torch.arange(count, device=photos.device)
        )
        total = (
            self.balance.total(terms.style, terms.content, torch.zeros(count, dtype=torch.long, device=photos.device))
            / count
        )
        # Networks with a linear output are not held in range by anything else.
        total = total + 10 * (stylized - stylized.clamp(0, 1)).square().mean()
        if self.args.tv_weight:
            total = total + self.args.tv_weight * total_variation_loss(stylized)
        return StepLosses(total, float(terms.style.detach().mean()), float(terms.content.detach().mean()))
