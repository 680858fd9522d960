"""An AdaIN decoder that begins as the painter inside a CIN model.

What a CIN network has learned about painting does not depend on where its features come from. Its residual blocks and
decoder become those of the AdaIN net; two linear fits make the rest agree with it: the photo's features are mapped to
those that the blocks are used to, and the statistics of the model's own paintings to its γ and β. Training then goes on
from a net that paints, instead of from noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.architectures import ConditionalTransformerNet, ModulatedAdaINNet
from ..core.architectures._layers import ConditionalInstanceNorm, Upsample2d, instance_norm
from ..core.architectures.modulated_adain import ModulatedBlock, Stage
from ..core.architectures.transformer_net import ConvNorm, ResidualBlock
from ..core.errors import TrainingError

RIDGE = 0.1
"""Of the fits, relative to the mean square of the inputs."""
QUIET = 0.1
"""Factor on γ where the deepest features enter: at first the stitched features lead."""


class Transplant:
    """From one network to the other.

    Args:
        network: Filled in place; its encoder and the standardization of its modulator are set already.
        donor: A CIN network whose trunk and decoder have the widths of the network's last three stages.

    Raises:
        TrainingError: The widths differ, or the donor has fewer residual blocks.
    """

    def __init__(self, network: ModulatedAdaINNet, donor: ConditionalTransformerNet) -> None:
        self.network, self.donor = network, donor
        self.stages = [stage for stage in network.stages if isinstance(stage, Stage)]
        theirs = [donor.config.encoder_widths[2], *donor.config.decoder_widths]
        config = network.config
        fits = list(config.widths[1:]) == theirs and config.blocks[1] <= donor.config.blocks
        if (
            not fits
            or config.output_kernel != 9
            or donor.config.bottleneck
            or (donor.config.output, donor.config.upsampling) != ("sigmoid", "nearest")
        ):
            raise TrainingError(
                "An AdaIN decoder cannot begin as this CIN model.",
                expected=f"widths {list(config.widths[1:])}, {config.blocks[1]} residual blocks or more",
                got=f"widths {theirs}, {donor.config.blocks} residual blocks",
                do="Start from another CIN model, or without --start.",
            )

    @torch.no_grad()
    def run(self, photos: Tensor, known: Mapping[int, Tensor]) -> None:
        """Copy, then fit.

        Args:
            photos: (N, 3, H, W), 0..1, sides a multiple of the network's stride.
            known: Index of a style of the donor → pictures of its painting, (K, 3, h, w).
        """
        _, trunk, half, full = self.stages
        sources = self._painter()
        own = [
            conv for block in trunk.blocks if isinstance(block, ModulatedBlock) for conv in (block.conv1, block.conv2)
        ]
        for conv, source in zip([*own, half.conv, full.conv], sources, strict=True):
            conv.weight.copy_(_convolution(source).weight)
        for stage in (half, full):
            if stage.skip is not None:
                nn.init.zeros_(stage.skip.weight)
                nn.init.zeros_(torch.as_tensor(stage.skip.bias))
        self.network.output.load_state_dict(self.donor.output.state_dict())
        if trunk.skip is not None:
            self._stitch(photos, trunk.skip)
        self._fit_modulator([source.norm for source in sources], known)

    def _painter(self) -> list[ConvNorm]:
        """The donor's layers that are taken over, in the order of the decoder."""
        blocks = [block for block in self.donor.blocks if isinstance(block, ResidualBlock)]
        inside = [layer for block in blocks[: self.network.config.blocks[1]] for layer in block.layers]
        return [layer for layer in (*inside, *self.donor.decoder) if isinstance(layer, ConvNorm)]

    def _stitch(self, photos: Tensor, skip: nn.Conv2d) -> None:
        """Least squares from the photo's features to those that the donor's blocks are used to, at its mean style."""
        styles = self.donor.config.styles
        x, weights = photos, torch.full((1, styles), 1 / styles, device=photos.device)
        for layer in self.donor.encoder:
            x = F.relu(layer(x, weights))
        layer_name = self.network.layers[-2]
        seen = instance_norm(self.network.encoder(photos, [layer_name])[layer_name])
        solution = _ridge(seen.permute(0, 2, 3, 1).flatten(0, 2), x.permute(0, 2, 3, 1).flatten(0, 2))
        skip.weight.copy_(solution[:-1].T[..., None, None])
        torch.as_tensor(skip.bias).copy_(solution[-1])

    def _fit_modulator(self, copied: Sequence[nn.Module], known: Mapping[int, Tensor]) -> None:
        """Mean γ and β of the donor as the bias; what differs between its paintings from their statistics."""
        modulator, network = self.network.modulator, self.network
        norms = [norm for norm in copied if isinstance(norm, ConditionalInstanceNorm)]
        gammas = torch.cat([norm.weight for norm in norms], dim=1)  # (styles, channels)
        betas = torch.cat([norm.bias for norm in norms], dim=1)
        before = sum(stage.conv.out_channels for stage in self.stages[:2])
        channels = modulator.out.out_features // 2
        places = torch.arange(before, before + gammas.shape[1])
        rows = torch.cat([places, places + channels])
        targets = torch.cat([gammas, betas], dim=1)  # (styles, rows)
        modulator.out.bias[:before] *= QUIET
        modulator.out.bias[rows] = targets.mean(0)
        modulator.out.weight[rows] = 0
        if known:
            inputs, wanted = [], []
            for style, pictures in known.items():
                statistics = torch.cat(network.statistics(network.encoder(pictures, network.layers)), dim=1)
                standard = (statistics - modulator.mean) / modulator.deviation
                inputs.append(F.relu(modulator.hidden(standard)))
                wanted.append(targets[style].expand(len(pictures), -1))
            solution = _ridge(torch.cat(inputs), torch.cat(wanted))
            modulator.out.weight[rows] = solution[:-1].T
            modulator.out.bias[rows] = solution[-1]


def _convolution(layer: ConvNorm) -> nn.Conv2d:
    """The weights inside, behind the upsampling where there is one."""
    conv = layer.conv.conv if isinstance(layer.conv, Upsample2d) else layer.conv
    if not isinstance(conv, nn.Conv2d):
        raise TypeError("a convolution is expected")
    return conv


def _ridge(inputs: Tensor, targets: Tensor) -> Tensor:
    """Argmin ‖X W + 1 b − Y‖² + λ ‖W‖²: (n, p), (n, q) → (p + 1, q), the last row is b."""
    x, y = inputs.double(), targets.double()
    centre, goal = x.mean(0), y.mean(0)
    x = x - centre
    strength = RIDGE * x.square().mean() * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(x.T @ x + strength, x.T @ (y - goal))
    return torch.cat([weights, (goal - centre @ weights)[None]]).to(inputs.dtype)
