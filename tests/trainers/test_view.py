"""The loss sees paintings from all phases of its network's poolings and from all sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.cin import ConditionalTask
from brushwork.trainers.comatch import CoMatchTask
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.view import View, view_of
from torch import Tensor

STEPS = 80
SIDE = 64
KINDS = {"in": InstanceTask, "cin": ConditionalTask, "comatch": CoMatchTask}


def side_of(picture: Tensor) -> tuple[bool, bool, bool]:
    """Transposed, mirrored vertically, horizontally: of a picture of its own rows and columns."""
    rows, columns = picture[0, 0], picture[0, 1]
    transposed = bool(rows[0, 0] == rows[1, 0])
    down, right = (columns, rows) if transposed else (rows, columns)
    return transposed, bool(down[0, 0] > down[-1, 0]), bool(right[0, 0] > right[0, -1])


@pytest.mark.parametrize("method", ["in", "cin", "comatch"])
def test_painting_photo_and_style_are_compared_at_all_phases_and_from_all_sides(
    training_args: TrainArgs, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    styles = training_args.styles[: 1 if method == "in" else 2]
    task = KINDS[method](replace(training_args, method=method, styles=styles))
    monkeypatch.setattr(task, "stylize", lambda photos, _: photos)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    places = torch.stack([rows, columns, torch.zeros(SIDE, SIDE)]).expand(2, -1, -1, -1) / SIDE
    features, seen = task.loss.network.features, []

    def watched(image: Tensor, layers) -> dict[str, Tensor]:
        seen.append(image)
        return features(image, layers)

    monkeypatch.setattr(task.loss.network, "features", watched)
    batch = (places, places, torch.zeros(2, dtype=torch.bool))[: 3 if method == "comatch" else 1]
    phases, sides = set(), set()
    for step in range(STEPS):
        seen.clear()
        assert task.step(batch, step).content == pytest.approx(0, abs=1e-6), "a photo that stays has lost nothing"
        crops = [image for image in seen if image.shape[-1] == SIDE - 3]
        phases |= {tuple((image[0, :2].amin((1, 2)) * SIDE).int().tolist()) for image in crops}
        sides |= {side_of(image) for image in crops}
        wholes = [image for image in seen if image.shape[-1] == SIDE and image[0, 2].max() == 0]
        assert {side_of(image) for image in wholes} <= {side_of(image) for image in crops}, "the style is seen likewise"
    assert phases == {(top, left) for top in range(4) for left in range(4)}
    assert len(sides) == 8


def test_a_painting_that_is_copied_has_no_style_loss_from_any_side(training_args: TrainArgs) -> None:
    task = InstanceTask(replace(training_args, method="in", styles=training_args.styles[:1]))
    painting = task.paintings[0].image
    index = torch.zeros(1, dtype=torch.long)
    for side in range(8):
        seen = View(0, 0, side).turn(painting)
        terms = task.loss(seen, task.loss.content_targets(seen), task.targets(side), index)
        assert float(terms.style) < 1e-9
        assert task.targets(side) is task.targets(side), "described once"


def test_a_step_has_the_same_view_always() -> None:
    assert [view_of(step) for step in range(20)] == [view_of(step) for step in range(20)]
    assert len({view_of(step) for step in range(2000)}) == 128
