"""What all five methods share: a balance that must survive a resume, and a file that describes itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.checkpoints import load_checkpoint
from ..core.checkpoints.native import save_checkpoint
from ..core.losses import grid_loss, total_variation_loss
from ..core.margin import mirrored, within
from ..core.spec import ModelSpec, StyleInfo
from ..core.style_model import StyleModel
from .args import TrainArgs
from .balance import Balance
from .warm_start import take_over

MARGIN_PX = 32
"""Of new models: photos are mirrored outwards so far before they are painted, where networks paint thinner
(docs/adr/0020). Training itself stays on plain crops, unless the border counts by itself."""
TRAINED_MARGIN_PX = 16
"""With which a network learns to paint borders: half the pixels, and hardly less of what a network sees."""


class BalancedTask:
    """State and product of a task that weighs style against content.

    Args:
        args: The run.
        architecture: Registry id.
        hyperparameters: Of the network.
        slots: Paintings that have a weight of their own.
    """

    network: StyleNetwork
    """Set by the subclass."""

    def __init__(self, args: TrainArgs, architecture: str, hyperparameters: Mapping[str, Any], slots: int) -> None:
        self.args, self.architecture = args, architecture
        self.hyperparameters: dict[str, Any] = dict(hyperparameters)
        self.balance = Balance(slots, args.content_target, args.shard)

    def state(self) -> dict[str, Tensor]:
        """The balance."""
        return {"log_weight": self.balance.log_weight}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""
        self.balance.log_weight = state["log_weight"].clone()

    def start_from(self, path: Path) -> None:
        """Take over the weights of an earlier model of the same method.

        Raises:
            TrainingError: The file holds another network.
            BrushworkError: It cannot be read.
        """
        take_over(self.network, load_checkpoint(path), [], path.name)

    def paint(self, photos: Tensor, code: StyleCode | None) -> Tensor:
        """What the network makes of photos (B, 3, H, W): the same shape, float32; bfloat16 inside where asked for."""
        pixels = TRAINED_MARGIN_PX if self.args.border_weight else 0
        around = mirrored(photos, (pixels, pixels)).contiguous(memory_format=torch.channels_last)
        with torch.autocast(photos.device.type, torch.bfloat16, enabled=self.args.bf16):
            stylized = self.network(around, code)
        return within(stylized.float(), (pixels, pixels), *photos.shape[-2:])

    def regularization(self, stylized: Tensor) -> Tensor:
        """What is asked of paintings (B, 3, H, W) of any style, total variation and grids: a scalar, mean over them."""
        total = stylized.new_zeros(())
        if self.args.tv_weight:
            total = total + self.args.tv_weight * total_variation_loss(stylized)
        if self.args.grid_weight:
            total = total + self.args.grid_weight * grid_loss(stylized).mean()
        return total

    def styles(self) -> tuple[StyleInfo, ...]:
        """Descriptions of the model's own styles; none where the style is a picture."""
        return ()

    def finished(self, weights: Mapping[str, Tensor], record: Mapping[str, Any]) -> StyleModel:
        """A second network with these weights, and its description."""
        network = build_network(self.architecture, self.hyperparameters)
        network.load_state_dict(weights)
        start = self.args.start_from
        spec = ModelSpec(
            self.architecture,
            self.hyperparameters,
            styles=self.styles(),
            margin_px=MARGIN_PX,
            title=self.args.out.stem,
            license=self.args.model_license,
            provenance={**record, **({} if start is None else {"start_from": start.name})},
        )
        return StyleModel(network, spec)

    def export(self, weights: Mapping[str, Tensor], record: Mapping[str, Any], path: Path) -> None:
        """Write `finished` as a native file."""
        save_checkpoint(self.finished(weights, record), path)
