"""What training asks of a painting in any style, where its weights ask for it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.losses import grid_loss, total_variation_loss
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.loop import train


@pytest.fixture
def args(training_args: TrainArgs) -> TrainArgs:
    return replace(training_args, method="in", styles=training_args.styles[:1])


def test_grids_and_variation_count_with_their_weights_and_not_by_default(args: TrainArgs) -> None:
    picture = torch.rand(2, 3, 64, 64) + 0.3 * torch.cos(torch.arange(64) * math.pi)
    grids, variation = float(grid_loss(picture).mean()), float(total_variation_loss(picture))
    assert grids > 1
    assert float(InstanceTask(args).regularization(picture)) == 0
    weighted = InstanceTask(replace(args, grid_weight=0.5, tv_weight=2.0)).regularization(picture)
    assert float(weighted) == pytest.approx(0.5 * grids + 2 * variation, rel=1e-5)


@pytest.mark.parametrize("method", ["in", "cin", "comatch"])
def test_a_run_against_grids_learns_something_else(args: TrainArgs, tmp_path: Path, method: str) -> None:
    learned = []
    for weight in (0.0, 0.1):
        options = replace(args, method=method, grid_weight=weight, out=tmp_path / f"{weight}.safetensors")
        learned.append(load_checkpoint(train(options)).network.state_dict())
    without, against = learned
    assert all(tensor.isfinite().all() for tensor in against.values())
    assert any(not torch.equal(without[name], tensor) for name, tensor in against.items())
