"""Stylize Video on the stand-in host: the same frames as core's, progress, interrupt, keyframes, style pictures."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.core.errors import StyleError
from brushwork.core.inference import Controls, Stylizer
from brushwork.core.inference.video import VideoStylizer

PLAIN = {
    "style": "",
    "strength": 1.0,
    "blend": 0.4,
    "smooth": 0.8,
    "preserve_color": "none",
    "keyframes": "",
    "frame_rate": 10.0,
    "precision": "exact",
}


@pytest.fixture
def film(node, hosted):
    def run(kind: str, images: torch.Tensor, **options: object) -> torch.Tensor:
        return node("stylize_video", "StylizeVideo").execute(hosted[kind], images, **{**PLAIN, **options})[0]

    return run


def test_frames_are_painted_as_core_paints_them(film, hosted, host) -> None:
    images = torch.rand(1, 40, 48, 4).repeat(3, 1, 1, 1)
    video = VideoStylizer(Stylizer(hosted["conditional"].model, "cpu", "exact"))
    wanted = torch.cat([video(frame[None].movedim(-1, 1), "b") for frame in images]).movedim(1, -1)
    painted = film("conditional", images, style="b")
    torch.testing.assert_close(painted, wanted, rtol=0, atol=1e-6)
    assert host.steps[-1] == (3, 3)


def test_controls_and_masks_of_every_frame_reach_core(film, hosted) -> None:
    images = torch.rand(1, 40, 48, 3).repeat(2, 1, 1, 1)
    places = torch.stack([torch.zeros(40, 48), torch.ones(40, 48)])
    painted = film("conditional", images, blend=0.0, smooth=0.0, strength_map=places, stroke_size=2.0)
    assert torch.equal(painted[:1], images[:1])
    stylizer = Stylizer(hosted["conditional"].model, "cpu", "exact")
    wanted = stylizer(images[:1].movedim(-1, 1), controls=Controls(stroke_size=2.0)).movedim(1, -1)
    torch.testing.assert_close(painted[1:], wanted, rtol=0, atol=1e-6)


def test_an_interrupt_ends_the_run(film, host, interrupted) -> None:
    host.interrupt_after = 2
    with pytest.raises(interrupted):
        film("fixed", torch.rand(6, 24, 32, 3))


def test_keyframes_by_time_change_the_style(film, hosted) -> None:
    images = torch.rand(1, 24, 32, 3).repeat(3, 1, 1, 1)
    text = json.dumps([{"frame": 0, "style": "a"}, {"time": 0.2, "style": "b"}])
    painted = film("conditional", images, keyframes=text, blend=0.0, smooth=0.0)
    stylizer = Stylizer(hosted["conditional"].model, "cpu", "exact")
    for index, weight in enumerate((0.0, 0.5, 1.0)):
        wanted = stylizer(images[:1].movedim(-1, 1), {"a": 1 - weight, "b": weight}).movedim(1, -1)
        torch.testing.assert_close(painted[index : index + 1], wanted, rtol=0, atol=1e-6)


def test_style_pictures_and_their_numbers(film) -> None:
    images, styles = torch.rand(2, 24, 32, 3), torch.rand(2, 24, 24, 3)
    with pytest.raises(StyleError, match="none is wired"):
        film("image", images)
    text = json.dumps([{"frame": 0, "style": "0"}, {"frame": 1, "style": "1"}])
    assert film("image", images, keyframes=text, style_images=styles).shape == images.shape
    with pytest.raises(StyleError, match="not there"):
        film("image", images, keyframes='[{"frame": 0, "style": "2"}]', style_images=styles)
