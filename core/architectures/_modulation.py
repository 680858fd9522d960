"""A style's statistics steer normalization layers: they predict the γ and β of each.

Ghiasi et al. 2017, arXiv 1705.06830, § 2, with an encoder's statistics in place of Inception's features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._field import StyleField
from ._layers import EPS, instance_norm

LEAST_DEVIATION = 0.01


class Modulation:
    """γ and β of one run, handed out convolution by convolution in the order of the decoder.

    Args:
        scale_shift: All γ, then all β: (B or 1, 2n), or (B, K, 2n) with `field`.
        field: The places of K styles; None: one style, or one mix, everywhere.
    """

    def __init__(self, scale_shift: Tensor, field: StyleField | None = None) -> None:
        self.scales, self.shifts = scale_shift.chunk(2, dim=-1)
        self.field, self.used = field, 0

    def __call__(self, x: Tensor) -> Tensor:
        """Normalize (B, C, H, W) and give it the next C values of γ and β."""
        own = slice(self.used, self.used + x.shape[1])
        self.used += x.shape[1]
        scale, shift = self.scales[..., own].contiguous(), self.shifts[..., own].contiguous()
        if self.field is None:
            return instance_norm(x, scale, shift)
        return self.field.normalize(x, scale, shift, eps=EPS)


class Modulator(nn.Module):
    """Statistics of a style at all scales → γ and β of the decoder, through one hidden layer.

    Args:
        scales: Number of means and deviations of each scale.
        hidden: Width of the layer between.
        channels: Number of γ, and of β.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, scales: Sequence[int], hidden: int, channels: int) -> None:
        super().__init__()
        statistics = sum(scales)
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))
        self.hidden = nn.Linear(statistics, hidden)
        self.out = nn.Linear(hidden, 2 * channels)
        nn.init.normal_(self.out.weight, std=0.02)
        with torch.no_grad():
            # every scale has the same say at first: the few colours would not be heard beside hundreds of textures
            for block, size in zip(self.hidden.weight.split(list(scales), dim=1), scales, strict=True):
                block.mul_((statistics / (len(scales) * size)) ** 0.5)
            self.out.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))

    @torch.no_grad()
    def standardize(self, statistics: Tensor) -> None:
        """Let the input be centred and scaled by what is usual: (N, statistics) of N style pictures."""
        deviation, mean = torch.std_mean(statistics, dim=0)
        self.mean.copy_(mean)
        # a statistic that hardly varies must not be blown up by a picture that does
        self.deviation.copy_(deviation + LEAST_DEVIATION)

    def forward(self, statistics: Tensor) -> Tensor:
        """(S, statistics) → (S, 2 · channels): all γ, then all β; float32 or better, whatever the weights' dtype."""
        work = torch.promote_types(statistics.dtype, torch.float32)
        with torch.autocast(statistics.device.type, enabled=False):
            x = (statistics.to(work) - self.mean.to(work)) / self.deviation.to(work)
            x = F.relu(F.linear(x, self.hidden.weight.to(work), self.hidden.bias.to(work)))
            return F.linear(x, self.out.weight.to(work), self.out.bias.to(work))
