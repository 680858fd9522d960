"""torchvision's RAFT (Teed & Deng 2020, arXiv 2003.12039), where its weights are already in the torch hub's cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import WeightsNotFoundError

NAMES = ("raft_large_C_T_SKHT_V2", "raft_large_C_T_V2", "raft_small_C_T_V2", "raft_small_C_T_V1")
"""File stems, the best first; the hash behind them differs by release."""
MIN_SIDE = 128
"""The correlation pyramid halves an eighth of the picture three times."""


def cached_raft() -> Path | None:
    """The weights on this machine, or None; nothing is downloaded."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return next((path for name in NAMES for path in sorted(folder.glob(f"{name}-*.pth"))), None)


def load_raft(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """RAFT as a function like `lucas_kanade_flow`.

    Raises:
        WeightsNotFoundError: No weights in the cache.
    """
    path = cached_raft()
    if path is None:
        raise WeightsNotFoundError(
            "RAFT's weights are not on this machine.",
            expected=f"{NAMES[0]}-….pth or {NAMES[2]}-….pth in {Path(torch.hub.get_dir()) / 'checkpoints'}",
            got="none",
            do="Leave the flow on auto, or put torchvision's file there.",
        )
    from torchvision.models.optical_flow import raft_large, raft_small

    network = raft_small() if "small" in path.name else raft_large()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network = network.eval().to(device)

    @torch.no_grad()
    def flow(first: Tensor, second: Tensor) -> Tensor:
        height, width = first.shape[-2:]
        pad_h, pad_w = (max(MIN_SIDE, -(-side // 8) * 8) - side for side in (height, width))
        pictures = [
            F.pad(picture.to(device, torch.float32), (0, pad_w, 0, pad_h), mode="replicate") * 2 - 1
            for picture in (first, second)
        ]
        return network(*pictures)[-1][..., :height, :width].to(first)

    return flow
