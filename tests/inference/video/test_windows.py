"""Local means against torch's own pooling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.inference.video.windows import box_mean


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (20, 31)])
def test_box_mean_is_average_pooling(radius: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    padded = F.pad(x, (radius,) * 4, mode="replicate")
    torch.testing.assert_close(box_mean(x, radius), F.avg_pool2d(padded, 2 * radius + 1, 1))
