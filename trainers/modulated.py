"""What AdaIN and CoMatch share: a frozen encoder, taken over from a loss network, and a decoder that learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import (
    AdaINConfig,
    AdaINNet,
    ConditionalTransformerNet,
    ModulatedAdaINConfig,
    ModulatedAdaINNet,
)
from ..core.architectures.adain import REFERENCE_ENCODER
from ..core.architectures.vgg import VGGConfig, VGGFeatures, cut_widths
from ..core.checkpoints import load_checkpoint
from ..core.checkpoints.companion import needs_companion
from ..core.checkpoints.encoder import load_encoder
from ..core.checkpoints.native import save_checkpoint
from ..core.errors import ImageError
from ..core.inference import Stylizer
from ..core.spec import StyleInfo
from ..core.style_model import StyleModel
from .any_style import AnyStyleTask
from .args import TrainArgs
from .data import PhotoBatches
from .thumbnail import QUARTERS, quarters, thumbnail
from .transplant import Transplant
from .warm_start import take_over

DEEPEST = 4
"""Block whose first layer is matched to the style, as in the paper of AdaIN; the last one of a shallower encoder."""
STITCHED_PHOTOS = 24
CROPS_OF_A_PAINTING = 12
"""For the fits of a transplant."""
STATISTICS_BATCHES = 16
"""Batches of style pictures that what depends on usual statistics is fitted to."""


class FrozenEncoderTask(AnyStyleTask):
    """The encoder is `transfer_encoder(args)`, frozen and cut; only the decoder learns.

    Args:
        args: The run.
        architecture: Registry id.
        configure: Configuration of the cut encoder → that of the network.
    """

    def __init__(
        self, args: TrainArgs, architecture: str, configure: Callable[[VGGConfig], AdaINConfig | ModulatedAdaINConfig]
    ) -> None:
        source = transfer_encoder(args)
        widths = source.config.widths
        config = replace(source.config, widths=cut_widths(widths, f"relu{min(DEEPEST, len(widths))}_1"))
        super().__init__(args, architecture, configure(config).to_dict())
        network = self.network
        if isinstance(network, AdaINNet | ModulatedAdaINNet):
            own = network.encoder.state_dict()
            network.encoder.load_state_dict({k: v for k, v in source.state_dict().items() if k in own})
            network.encoder.requires_grad_(False)
        if isinstance(network, ModulatedAdaINNet):
            self._standardize(network)

    def start_from(self, path: Path) -> None:
        """Take over an earlier model, of AdaIN by CoMatch too, or the painter inside a CIN model."""
        encoder = self.args.transfer_encoder or self.args.encoder[0]
        needed = [encoder] if needs_companion(path) else []
        self._start_from(load_checkpoint(path, *needed), path.name)

    def _start_from(self, model: StyleModel, name: str) -> None:
        network = self.network
        if isinstance(network, ModulatedAdaINNet) and isinstance(model.network, ConditionalTransformerNet):
            photos = self.batches.photos.sample(STITCHED_PHOTOS)
            Transplant(network, model.network).run(photos, self._known_paintings(model.spec.styles))
        else:
            take_over(network, model, [], name)

    def _known_paintings(self, styles: Sequence[StyleInfo]) -> dict[int, Tensor]:
        """Index of an earlier model's style → crops of its painting, where that is among this run's pictures."""
        files = {path.stem: path for path in self.batches.styles.paths}
        found: dict[int, Tensor] = {}
        for index, style in enumerate(styles):
            path = files.get(style.name.partition("--")[0])
            if path is not None:
                side = style.style_size_px or self.args.style_size_px
                zoom = side / self.args.style_size_px
                crops = PhotoBatches([path], self.args.style_size_px, 1, self.args.seed, zoom=max(1.0, zoom))
                found[index] = crops.sample(CROPS_OF_A_PAINTING)
        return found

    @torch.no_grad()
    def _standardize(self, network: ModulatedAdaINNet) -> None:
        """Mean and deviation of the statistics of style pictures, for the modulator."""
        found = []
        for step in range(STATISTICS_BATCHES):
            features = network.encoder(self.batches.batch(step)[1], network.layers)
            found.append(torch.cat(network.statistics(features), dim=1))
        network.modulator.standardize(torch.cat(found))

    def export(self, weights: Mapping[str, Tensor], record: Mapping[str, Any], path: Path) -> None:
        """Write the model with a picture of what it does; without its encoder where that is a file of its own."""
        leave_out = "encoder." if self.args.leave_out_encoder else ""
        model = self.finished(weights, record)
        with suppress(ImageError):  # without the sample photo the model has no picture, and is not lost for it
            seen = quarters(Stylizer(model, self.args.device), self.batches.styles.sample(QUARTERS))
            model.spec = model.spec.with_(thumbnail=thumbnail(seen))
        save_checkpoint(model, path, leave_out=leave_out)


def transfer_encoder(args: TrainArgs) -> VGGFeatures:
    """The encoder whose statistics are matched.

    The one that is asked for; else that of the model a run goes on from, since its decoder knows no other features;
    else the first loss network.

    Raises:
        BrushworkError: A file that cannot be read.
    """
    if args.transfer_encoder is None and args.start_from is not None and not needs_companion(args.start_from):
        earlier = load_checkpoint(args.start_from).network
        if isinstance(earlier, AdaINNet | ModulatedAdaINNet):
            return earlier.encoder
    return load_encoder(args.transfer_encoder or args.encoder[0])


def modulated_config(encoder: VGGConfig, match: str) -> ModulatedAdaINConfig:
    """The default decoder for an encoder of any depth: residual blocks one level above the deepest."""
    stages = len(encoder.widths)
    default = ModulatedAdaINConfig(REFERENCE_ENCODER)
    return ModulatedAdaINConfig(encoder, widths=default.widths[:stages], blocks=default.blocks[:stages], match=match)
