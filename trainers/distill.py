"""The compact encoder: a small VGG that learns to see what larger ones see.

Knowledge distillation of features (Romero et al. 2015, arXiv 1412.6550) with linear heads (as in Collaborative
Distillation, Wang et al. 2020, arXiv 2003.08436), and of distances between Gram matrices, since that is what a loss
network is used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.architectures.vgg import VGGConfig, VGGFeatures
from ..core.checkpoints.encoder import load_encoder, save_encoder
from ..core.errors import TrainingError
from ..core.losses import gram_matrix
from ..core.losses.encoders import EncoderStack
from ..core.normalization import PRESETS
from .args import RunArgs, check_options
from .data import PhotoBatches
from .task import StepLosses
from .warm_start import fill, fits

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
COMPACT_WIDTHS = ((24, 24), (40, 56), (144, 64, 64, 64), (128, 128, 128, 128), (128,))
"""A quarter of VGG19's widths below; more near the pixels, where a quarter leaves colour noise in the pictures, and at
relu3_1, where it left half of the teacher unexplained (docs/adr/0024)."""
RELATION_WEIGHT = 0.2
HEAD_BATCHES, HEAD_RIDGE = 2, 1e-4
"""Batches by which heads are fitted to an encoder that a run goes on from, and the ridge relative to its features."""


@dataclass(frozen=True, kw_only=True)
class DistillArgs(RunArgs):
    """Training the compact encoder."""

    teachers: tuple[Path, ...]
    """VGG files; a layer comes from the first that has it."""
    paintings: tuple[Path, ...] = ()
    """Further folders of pictures, so that painted textures are seen too; every batch has as many of each."""
    start_from: Path | None = None
    """An encoder of at most these widths to go on from; None: random weights."""
    widths: tuple[tuple[int, ...], ...] = COMPACT_WIDTHS
    half_size: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        folders = len(self.paintings) + 1
        check_options(
            (self.batch >= 2, "batch", "at least 2: pictures are compared with each other", str(self.batch)),
            (self.batch >= folders, "batch", f"at least one picture of each of {folders} folders", str(self.batch)),
        )


class MixedBatches:
    """Photos and paintings, equally many, with what stylized pictures also show: noise, mixtures, odd colours."""

    def __init__(self, args: DistillArgs) -> None:
        more = len(args.paintings)
        part = args.batch // (more + 1)
        folders, counts = (args.photos, *args.paintings), (args.batch - part * more, *[part] * more)
        self.sources = [
            PhotoBatches(folder, args.size_px, count, args.seed + place)
            for place, (folder, count) in enumerate(zip(folders, counts, strict=True))
        ]
        self.seed = args.seed

    def batch(self, step: int, rows: range | None = None) -> tuple[Tensor]:
        """(batch, 3, size_px, size_px), 0..1."""
        pictures = torch.cat([source.batch(step)[0] for source in self.sources])
        generator = torch.Generator().manual_seed(self.seed * 15_485_863 + step)
        count = len(pictures)

        def uniform(low: float, high: float, channels: int = 1) -> Tensor:
            return torch.rand(count, channels, 1, 1, generator=generator) * (high - low) + low

        share = uniform(0, 1) * (uniform(0, 1) < 0.25)
        pictures = torch.lerp(pictures, pictures.roll(1, 0), share * 0.5)
        gain = torch.where(uniform(0, 1) < 0.5, uniform(0.6, 1.4, 3), torch.ones(1))
        pictures = (pictures - 0.5) * gain + 0.5 + uniform(-0.1, 0.1, 3)
        noise = torch.randn(pictures.shape, generator=generator) * uniform(0, 0.1) * (uniform(0, 1) < 0.4)
        pictures = (pictures + noise).clamp(0, 1)
        return (pictures if rows is None else pictures[rows.start : rows.stop],)


class Student(nn.Module):
    """The encoder, and the heads that exist only in training."""

    def __init__(self, widths: tuple[tuple[int, ...], ...], teacher_widths: Mapping[str, int]) -> None:
        super().__init__()
        self.encoder = VGGFeatures(VGGConfig(widths, "reflect", normalization=PRESETS["imagenet"]))
        for module in self.encoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(torch.as_tensor(module.bias))
        own = {name: widths[int(name[4]) - 1][int(name[6]) - 1] for name in teacher_widths}
        self.heads = nn.ModuleDict({name: nn.Conv2d(own[name], width, 1) for name, width in teacher_widths.items()})


class DistillTask:
    """Features by relative error behind a linear head, Gram distances by their spread on a log scale.

    Args:
        args: The run.
    """

    def __init__(self, args: DistillArgs) -> None:
        self.args = args
        dtype = torch.bfloat16 if args.bf16 else torch.float32
        self.teacher = EncoderStack([load_encoder(path) for path in args.teachers], dtype).to(args.device)
        self.batches = MixedBatches(args)
        torch.manual_seed(args.seed)
        probe = self.teacher.features(torch.rand(1, 3, 64, 64, device=args.device), LAYERS)
        self.network = Student(args.widths, {name: feature.shape[1] for name, feature in probe.items()})
        if args.start_from is not None:
            self._start_from(args.start_from)

    @torch.no_grad()
    def _start_from(self, path: Path) -> None:
        """Take the weights of an encoder, which may be narrower (Net2Net, as in warm_start.py).

        Its heads, which no file keeps, are those that fit the teacher best.

        Raises:
            TrainingError: It is wider, or another network.
        """
        encoder = load_encoder(path)
        own, given = self.network.encoder.state_dict(), encoder.state_dict()
        same = replace(encoder.config, widths=self.args.widths) == self.network.encoder.config
        if not same or own.keys() != given.keys() or not all(fits(given[key], own[key]) for key in own):
            raise TrainingError(
                f"The distillation cannot go on from {path.name}.",
                expected=f"an encoder of at most the widths {self.args.widths}, with reflection padding",
                got=str(encoder.config.widths),
                do="Leave out --from, or give a compact encoder.",
            )
        for key, tensor in given.items():
            fill(own[key], tensor)
        self.network.to(self.args.device)
        pictures = torch.cat([self.batches.batch(step)[0] for step in range(HEAD_BATCHES)]).to(self.args.device)
        wanted = self.teacher.features(pictures, LAYERS)
        for name, feature in self.network.encoder(pictures, LAYERS).items():
            x, y = (f.movedim(1, -1).flatten(0, -2).double() for f in (feature, wanted[name]))
            mean = x.mean(0)
            spread = (x - mean).T @ (x - mean)
            ridge = HEAD_RIDGE * spread.diagonal().mean() * torch.eye(len(mean), device=x.device, dtype=x.dtype)
            weight = torch.linalg.solve(spread + ridge, (x - mean).T @ y).T
            head = self.network.heads[name]
            head.load_state_dict({"weight": weight[..., None, None], "bias": y.mean(0) - weight @ mean})

    def step(self, batch: tuple[Tensor, ...], step: int) -> StepLosses:
        """Losses of one batch (B, 3, H, W)."""
        (pictures,) = batch
        with torch.no_grad():
            wanted = {name: feature.float() for name, feature in self.teacher.features(pictures, LAYERS).items()}
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.args.bf16):
            own = self.network.encoder(pictures.contiguous(memory_format=torch.channels_last), LAYERS)
            seen = {name: F.relu(self.network.heads[name](feature)) for name, feature in own.items()}
        errors = [(seen[k].float() - wanted[k]).square().mean() / wanted[k].var() for k in LAYERS]
        spreads = [_relation(own[k].float(), wanted[k]) for k in LAYERS]
        features, relations = torch.stack(errors).mean(), torch.stack(spreads).mean()
        more = {name: float(error.detach()) for name, error in zip(LAYERS, errors, strict=True)}
        total = features + RELATION_WEIGHT * relations
        return StepLosses(total, float(relations.detach()), float(features.detach()), more)

    def state(self) -> dict[str, Tensor]:
        """Nothing besides the weights."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""

    def export(self, weights: Mapping[str, Tensor], record: Mapping[str, Any], path: Path) -> None:
        """Write the encoder without its heads."""
        encoder = VGGFeatures(self.network.encoder.config)
        encoder.load_state_dict({k.removeprefix("encoder."): v for k, v in weights.items() if k.startswith("encoder.")})
        save_encoder(encoder, path, title="Compact encoder", license_id="MIT", provenance=record)


def _relation(own: Tensor, wanted: Tensor) -> Tensor:
    """How unevenly distances between Gram matrices follow the teacher's: variance of their log ratio over all pairs."""

    def distances(features: Tensor) -> Tensor:
        grams = gram_matrix(features).flatten(1)
        rows, columns = torch.triu_indices(len(grams), len(grams), 1)
        return (grams[rows] - grams[columns]).square().mean(1).clamp_min(1e-20).log()

    return (distances(own) - distances(wanted)).var(correction=0)
