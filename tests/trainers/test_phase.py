"""The loss sees paintings from all phases of its network's poolings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.cin import ConditionalTask
from brushwork.trainers.comatch import CoMatchTask
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.phase import in_phase
from torch import Tensor

STEPS = 80
SIDE = 64


@pytest.mark.parametrize("method", ["in", "cin", "comatch"])
def test_painting_and_photo_are_compared_at_all_phases_at_the_same_place(
    training_args: TrainArgs, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    kind = {"in": InstanceTask, "cin": ConditionalTask, "comatch": CoMatchTask}[method]
    styles = training_args.styles[: 1 if method == "in" else 2]
    task = kind(replace(training_args, method=method, styles=styles))
    monkeypatch.setattr(task, "stylize", lambda photos, _: photos)
    features, seen = task.loss.network.features, []

    def watched(image: Tensor, layers) -> dict[str, Tensor]:
        seen.append(image)
        return features(image, layers)

    monkeypatch.setattr(task.loss.network, "features", watched)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    places = torch.stack([rows, columns, torch.zeros(SIDE, SIDE)]).expand(2, -1, -1, -1) / SIDE
    batch = (places, torch.rand(2, 3, SIDE, SIDE), torch.zeros(2, dtype=torch.bool))[: 3 if method == "comatch" else 1]
    phases = set()
    for step in range(STEPS):
        seen.clear()
        assert task.step(batch, step).content == pytest.approx(0, abs=1e-6), "a photo that stays has lost nothing"
        crops = [image for image in seen if image.shape[-1] == SIDE - 3]
        phases |= {tuple((image[0, :2, 0, 0] * SIDE).int().tolist()) for image in crops}
    assert phases == {(top, left) for top in range(4) for left in range(4)}


def test_a_step_has_the_same_phase_always() -> None:
    image = torch.rand(1, 3, SIDE, SIDE)
    for step in range(8):
        one, two = in_phase(step, image, image)
        assert torch.equal(one, two)
        assert torch.equal(one, in_phase(step, image)[0]), "a resumed run goes on as if it had not stopped"
