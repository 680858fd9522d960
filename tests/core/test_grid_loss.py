"""The loss of patterns that repeat every 2 or 4 px, on pictures whose spectrum is known."""

from __future__ import annotations

import math

import pytest
import torch
from brushwork.core.losses import grid_loss


def noise(side: int = 256, count: int = 2) -> torch.Tensor:
    """White noise: P is level but for chance."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_noise_has_no_grid_and_a_wave_has_its_own_height() -> None:
    picture = noise()
    assert float(grid_loss(picture).max()) < 0.4, "by chance alone"
    wave = 0.3 * torch.cos(torch.arange(256) * math.pi / 2)
    expected = 0.0
    for side, tolerated in ((64, 1.25), (256, 1.0)):
        window = torch.hann_window(side, dtype=torch.float64)
        # E P_k of white noise is σ² Σ w²; a cosine of amplitude a adds (a Σ w / 2)²
        ratio = 1 + (0.3 * float(window.sum()) / 2) ** 2 / (float(picture.var()) * float(window.square().sum()))
        expected += math.log(ratio / tolerated)
    found = grid_loss(picture + wave[None, None, None])
    assert found.tolist() == pytest.approx([expected] * 2, abs=0.4)


def test_a_grid_in_a_calm_corner_counts_as_much_as_in_a_busy_one() -> None:
    picture = noise(128, 1)
    picture[..., :64, :64] = 0.5 + 0.02 * (picture[..., :64, :64] - 0.5)
    losses = []
    for rows, height in ((slice(64), 6e-3), (slice(64, 128), 0.3)):
        painted = picture.clone()
        painted[..., rows, :64] += height * torch.cos(torch.arange(64) * math.pi)
        losses.append(float(grid_loss(painted) - grid_loss(picture)))
    assert losses[0] > losses[1] / 10, "a whole picture would see nothing of it"


@pytest.mark.parametrize("period", [2, 4])
def test_the_gradient_takes_the_grid_away_and_leaves_the_rest(period: int) -> None:
    clean = 0.5 + 0.1 * (noise(128, 1) - 0.5)
    grid = 0.05 * torch.cos(torch.arange(128, dtype=torch.float64) * 2 * math.pi / period)
    picture = (clean + grid[:, None]).requires_grad_()
    before = float(grid_loss(picture.detach()))
    optimizer = torch.optim.SGD([picture], lr=0.2)
    for _ in range(400):
        optimizer.zero_grad()
        grid_loss(picture).sum().backward()
        optimizer.step()
    assert before > 2
    assert float(grid_loss(picture.detach())) < 0.1
    left = (picture.detach() - clean).mean((0, 1, 3))[32:96]  # along the grid; the window sees little of its ends
    assert float((left * grid[32:96]).sum() / grid[32:96].square().sum()) < 0.2
    across = (picture.detach() - clean - grid[:, None]).mean((0, 1, 2))
    assert float(across.abs().max()) < 0.005, "nothing else is touched"


def test_odd_and_small_sides_and_photos_of_one_colour() -> None:
    assert grid_loss(torch.rand(2, 3, 67, 131)).shape == (2,)
    assert grid_loss(torch.rand(1, 3, 63, 500)).item() == 0
    flat = torch.full((1, 3, 70, 64), 0.5, requires_grad=True)
    grid_loss(flat).sum().backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()
