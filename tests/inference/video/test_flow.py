"""Optical flow, warping and trust against motion that is known exactly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from brushwork.core.inference.video.flow import lucas_kanade_flow
from brushwork.core.inference.video.scene_cut import cut_score
from brushwork.core.inference.video.warp import confidence, warp


def clouds(seed: int, size: int = 200) -> torch.Tensor:
    """Texture of several scales, (1, 3, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.rand(1, 3, size // s, size // s, generator=generator) for s in (2, 4, 8, 20)]
    picture = sum(F.interpolate(layer, (size, size), mode="bicubic") for layer in layers) / 4
    return picture.clamp(0, 1)


def moved(picture: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    return warp(picture, flow, mode="bicubic")


def similarity(height: int, width: int, shift: tuple[float, float], turn: float, zoom: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    a, b = zoom * torch.cos(torch.tensor(turn)), zoom * torch.sin(torch.tensor(turn))
    return torch.stack([a * x - b * y - x + shift[0], b * x + a * y - y + shift[1]])[None].float()


def test_flow_of_pan_zoom_and_rotation() -> None:
    truth = similarity(128, 160, (5.3, -2.6), 0.03, 1.02)
    second = clouds(1)[..., 20:148, 20:180]
    first = moved(second, truth)
    error = (lucas_kanade_flow(first, second) - truth).norm(dim=1)[:, 12:-12, 12:-12]
    assert error.mean() < 0.15, f"mean endpoint error {error.mean():.3f} px"


def test_large_motion_is_found() -> None:
    picture = clouds(2)
    first, second = picture[..., 30:158, 10:138], picture[..., 30:158, 46:174]
    flow = lucas_kanade_flow(first, second)[:, :, 10:-10, 40:-10]
    assert (flow[:, 0] + 36).abs().median() < 0.5
    assert flow[:, 1].abs().median() < 0.5


def test_batches_and_tiny_pictures() -> None:
    a, b = clouds(3, 64), clouds(4, 64)
    both = lucas_kanade_flow(torch.cat([a, b]), torch.cat([b, a]))
    torch.testing.assert_close(both[:1], lucas_kanade_flow(a, b), rtol=0, atol=1e-3)
    for size in ((1, 1), (3, 40), (9, 2)):
        flow = lucas_kanade_flow(torch.rand(1, 3, *size), torch.rand(1, 3, *size))
        assert flow.shape == (1, 2, *size)
        assert flow.isfinite().all()


def test_warp_takes_the_value_the_flow_points_to() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0, 1, 1], flow[:, 1, 0, 0] = 1, 2
    out = warp(image, flow)
    assert out[0, 0, 1, 1] == 6
    assert out[0, 0, 0, 0] == 8
    torch.testing.assert_close(out[0, 0, 2], image[0, 0, 2])


def test_trust_ends_where_something_was_hidden() -> None:
    """A square moves right over a background at rest; what it uncovers was hidden before."""
    ground, square = clouds(5, 96)[..., :96], clouds(6, 96)

    def frame(x: int) -> torch.Tensor:
        picture = ground.clone()
        picture[..., 30:66, x : x + 36] = square[..., :36, :36]
        return picture

    now, before = frame(36), frame(30)
    back, forth = lucas_kanade_flow(torch.cat([now, before]), torch.cat([before, now])).split(1)
    trust = confidence(now, before, back, forth)[0, 0]
    assert trust[34:62, 31:35].mean() < 0.3  # uncovered
    assert trust[36:60, 44:66].mean() > 0.8  # the square
    assert trust[:20].mean() > 0.9  # at rest


def test_a_cut_scores_far_from_motion() -> None:
    picture, other = clouds(7), clouds(8)
    moving = cut_score(picture[..., :120, :160], picture[..., 6:126, 12:172])
    assert moving < 0.45
    assert cut_score(picture[..., :120, :160], other[..., :120, :160]) > 0.7
    assert cut_score(picture, picture) < 0.02
