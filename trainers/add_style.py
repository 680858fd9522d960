"""More styles for a CIN model: only their γ and β learn, the rest stays bit for bit (Dumoulin et al., § 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import StyleNetwork, build_network
from ..core.checkpoints import load_checkpoint
from ..core.errors import TrainingError
from ..core.style_model import StyleModel
from .args import TrainArgs
from .feed_forward import FeedForwardTask
from .warm_start import style_rows, take_over


class AddStyleTask(FeedForwardTask):
    """A network with the model's convolutions, frozen, and the new styles alone.

    Each starts from the style of the model whose pictures are nearest to its painting. Several take turns.

    Args:
        args: With the new paintings as its styles.
        model_path: The CIN model.

    Raises:
        TrainingError: Not a CIN model, or it already has a style of one of the names.
    """

    def __init__(self, args: TrainArgs, model_path: Path) -> None:
        self.model = load_checkpoint(model_path)
        if self.model.style_kind != "conditional":
            raise TrainingError(
                f"{model_path.name} cannot take another style.",
                expected="a model with conditional instance normalization (CIN)",
                got=self.model.spec.architecture,
                do="Use `cin-starter` or a model that was trained with `cin`; for other models train a new one.",
            )
        names = [path.stem for path in args.styles if path.stem in self.model.spec.style_names]
        if names:
            raise TrainingError(
                f"{model_path.name} already has a style `{names[0]}`.",
                expected="a new name",
                got=", ".join(self.model.spec.style_names),
                do="Rename the picture file.",
            )
        super().__init__(args, self.model.spec.architecture, self.model.spec.hyperparameters)
        self.nearest = self._start()

    def build(self) -> StyleNetwork:
        """The model's hyperparameters with the new styles alone."""
        return build_network(self.architecture, {**self.model.spec.hyperparameters, "styles": len(self.paintings)})

    def _start(self) -> list[str]:
        """Copy convolutions and the nearest styles' γ, β; freeze the convolutions. Returns those styles' names."""
        best = [self.nearest_style(self.model, place) for place in range(len(self.paintings))]
        take_over(self.network, self.model, best, self.model.spec.title)
        rows = style_rows(self.network)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name in rows)
        return [self.model.spec.style_names[row] for row in best]

    def finished(self, weights: Mapping[str, Tensor], record: Mapping[str, Any]) -> StyleModel:
        """The model with more rows in every γ and β, at the end: earlier indices stay."""
        spec = self.model.spec
        hyperparameters = {**spec.hyperparameters, "styles": len(spec.styles) + len(self.paintings)}
        network = build_network(spec.architecture, hyperparameters)
        rows = style_rows(network)
        before = self.model.network.state_dict()
        network.load_state_dict({k: torch.cat([v, weights[k].to(v)]) if k in rows else v for k, v in before.items()})
        added = self.styles()
        new = [{"style": style.name, "nearest": row, **record} for style, row in zip(added, self.nearest, strict=True)]
        history = [*spec.provenance.get("added", []), *new]
        described = spec.with_(
            hyperparameters=hyperparameters,
            styles=(*spec.styles, *added),
            provenance={**spec.provenance, "added": history},
        )
        return StyleModel(network, described)
