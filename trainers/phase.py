"""At which phase of its poolings the loss network sees a step (docs/adr/0022)."""

from __future__ import annotations

import torch
from torch import Tensor


def in_phase(step: int, *pictures: Tensor) -> list[Tensor]:
    """Crops of pictures (B, 3, H, W), the same place in all: 3 px smaller, 0 to 3 px down and right by chance.

    The loss network's poolings look at every second and fourth pixel. If they always begin at the same place, a network
    learns to paint in phase with them, and the loss rises when the painting moves.

    Args:
        step: Of the run; the same step has the same place always, so that resumed runs and all processes agree.
        pictures: Each (B, 3, H, W) of one size, sides above 3 px.
    """
    top, left = torch.randint(4, (2,), generator=torch.Generator().manual_seed(step)).tolist()
    return [x[..., top : x.shape[-2] - 3 + top, left : x.shape[-1] - 3 + left] for x in pictures]
