"""Feed-forward style networks: one painting (vanilla, IN) or many with an identity style (CIN).

Johnson et al. 2016 (1603.08155), Ulyanov et al. 2016 (1607.08022), Dumoulin et al. 2017 (1610.07629).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.architectures import StyleCode, StyleNetwork, build_network
from ..core.images import resize_image, resize_short_side
from ..core.losses import PerceptualLoss, StyleTargets
from ..core.losses.encoders import EncoderStack, load_encoder
from ..core.losses.exposure import restore_exposure
from ..core.losses.ssim import ssim
from ..core.spec import IDENTITY, ModelSpec, StyleInfo
from .args import TrainArgs
from .data import PhotoFolder, read_rgb

STYLE_WEIGHT = 10.0
"""Where the weight of style starts before it follows the content target."""
BALANCE_RATE = 0.02
"""How fast log λ answers to the relative distance of the content loss from its target."""
IDENTITY_WEIGHT = 10.0
IDENTITY_SHARE = 2
"""Turns of the identity style for one of each painting: it must carry every detail, and learns slowest."""


@dataclass(frozen=True)
class StepLosses:
    """One step: what is differentiated, and what is shown."""

    total: Tensor
    style: float
    content: float
    identity: float


class FeedForwardTask:
    """Network, targets and the loss of one step.

    Every step gives each photo of the batch one style, in an order that treats all styles alike. The weight λ_s of
    a painting's style loss rises while its content loss is below the target and falls while it is above, so that
    every painting ends at the same distance from the photo.
    """

    def __init__(self, args: TrainArgs) -> None:
        self.args = args
        conditional = args.method == "cin"
        self.names = [path.stem for path in args.styles] + [IDENTITY] * conditional
        w1, w2, w3 = args.widths
        self.hyperparameters: dict[str, Any] = {
            "encoder_widths": [w1, w2, w3],
            "decoder_widths": [w2, w1],
            "blocks": args.blocks,
            "norm": {"vanilla": "batch", "in": "instance", "cin": "conditional"}[args.method],
            "bias": False,
            "output": "sigmoid",
        }
        if conditional:
            self.hyperparameters["styles"] = len(self.names)
        self.architecture = "conditional_transformer_net" if conditional else "transformer_net"
        torch.manual_seed(args.seed)
        self.network: StyleNetwork = build_network(self.architecture, self.hyperparameters)
        encoder = EncoderStack(
            [load_encoder(path) for path in args.encoder], torch.bfloat16 if args.bf16 else torch.float32
        )
        self.loss = PerceptualLoss(encoder, dict(args.style_layers), args.content_layers)
        self.paintings = [resize_short_side(read_rgb(path), args.style_size_px) for path in args.styles]
        sample = PhotoFolder(args.photos, args.size_px, args.seed).batch(0, 16)
        self.targets: StyleTargets = self.loss.style_targets(self.paintings, sample)
        self.log_weight = torch.full((len(self.names),), STYLE_WEIGHT).log()

    def step(self, photos: Tensor, step: int) -> StepLosses:
        """Losses of one batch (B, 3, H, W)."""
        index = self._styles_of(step, photos.shape[0])
        code = StyleCode(torch.nn.functional.one_hot(index, len(self.names)).float())
        with torch.autocast("cpu", torch.bfloat16, enabled=self.args.bf16):
            stylized = self.network(photos.contiguous(memory_format=torch.channels_last), code)
        stylized = stylized.float()
        painted = index != len(self.names) - 1 if IDENTITY in self.names else torch.ones_like(index, dtype=torch.bool)
        total, style, content, identity = stylized.new_zeros(()), 0.0, 0.0, 0.0
        if painted.any():
            own = index[painted]
            terms = self.loss(stylized[painted], self.loss.content_targets(photos[painted]), self.targets, own)
            weight = self.log_weight[own].exp()
            # Divided by 1 + λ so that the balance never changes the step size.
            total = total + ((weight * terms.style + terms.content) / (1 + weight) * STYLE_WEIGHT).sum()
            style, content = float(terms.style.detach().mean()), float(terms.content.detach().mean())
            self._balance(own, terms.content.detach())
        if not painted.all():
            restored = restore_exposure(stylized[~painted], photos[~painted])
            error = (restored - photos[~painted]).abs().mean((1, 2, 3)) + 0.5 * (1 - ssim(restored, photos[~painted]))
            total = total + IDENTITY_WEIGHT * error.sum()
            identity = float(error.detach().mean())
        return StepLosses(total / photos.shape[0], style, content, identity)

    def _styles_of(self, step: int, batch: int) -> Tensor:
        """Style indices of a step: consecutive pieces of an endless sequence of permutations."""
        turns = torch.arange(len(self.names))
        if IDENTITY in self.names:
            turns = torch.cat([turns, turns[-1:].expand(IDENTITY_SHARE - 1)])
        indices = []
        for i in range(step * batch, (step + 1) * batch):
            turn, place = divmod(i, len(turns))
            generator = torch.Generator().manual_seed(self.args.seed * 104_729 + turn)
            indices.append(turns[torch.randperm(len(turns), generator=generator)[place]])
        return torch.stack(indices)

    def _balance(self, index: Tensor, content: Tensor) -> None:
        change = BALANCE_RATE * (1 - content / self.args.content_target).clamp(-1, 1)
        self.log_weight.index_add_(0, index, change)
        self.log_weight.clamp_(-1.0, 6.0)

    def rebuild(self) -> StyleNetwork:
        """A second network of the same shape, for the averaged weights."""
        return build_network(self.architecture, self.hyperparameters)

    def state(self) -> dict[str, Tensor]:
        """What must survive a resume besides the weights."""
        return {"log_weight": self.log_weight}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""
        self.log_weight = state["log_weight"].clone()

    def spec(self, record: Mapping[str, Any]) -> ModelSpec:
        """Description of the trained file."""
        styles = [
            StyleInfo(
                name=path.stem,
                title=path.stem.replace("-", " ").title(),
                style_size_px=self.args.style_size_px,
                thumbnail=thumbnail(painting),
                training={"style_weight": round(float(self.log_weight[i].exp()), 3)},
                license="CC0-1.0" if record.get("public_domain") else "unknown",
            )
            for i, (path, painting) in enumerate(zip(self.args.styles, self.paintings, strict=True))
        ]
        if IDENTITY in self.names:
            styles.append(StyleInfo(IDENTITY, title="The photo itself"))
        return ModelSpec(
            self.architecture,
            self.hyperparameters,
            styles=tuple(styles),
            title=self.args.out.stem,
            provenance=dict(record),
        )


def thumbnail(image: Tensor, side_px: int = 96) -> str:
    """(1, 3, H, W) → base64 JPEG of at most 4 KB, the centre square."""
    from PIL import Image

    short = min(image.shape[-2:])
    top, left = (image.shape[-2] - short) // 2, (image.shape[-1] - short) // 2
    square = resize_image(image[..., top : top + short, left : left + short], side_px, side_px)
    array = (square[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    for quality in (80, 65, 50, 35, 20):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= 3000:
            break
    return base64.b64encode(buffer.getvalue()).decode()
