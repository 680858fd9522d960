"""What training asks of a painting in any style, where its weights ask for it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brushwork.core.architectures import StyleCode
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import ConfigError
from brushwork.core.losses import grid_loss, total_variation_loss
from brushwork.trainers.any_style import StyledBatches
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.loop import train
from brushwork.trainers.methods import make_task
from PIL import Image


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


@pytest.mark.parametrize("method", ["in", "comatch"])
def test_where_the_border_counts_photos_are_painted_with_a_mirrored_margin(args: TrainArgs, method: str) -> None:
    options = replace(args, method=method, size_px=128, border_weight=0.5)
    task: Any = make_task(options)
    photos, styles, _ = StyledBatches(options).batch(0)
    around = torch.from_numpy(np.pad(photos.numpy(), ((0, 0), (0, 0), (16, 16), (16, 16)), mode="reflect"))
    code = None
    if method == "comatch":
        code = StyleCode(torch.eye(len(photos)), task.network.encode_style(styles))
    wanted = task.network(around, code)[..., 16:-16, 16:-16]
    torch.testing.assert_close(task.paint(photos, code), wanted)
    assert task.loss.border_layers == ["relu1_1", "relu2_1"]


def test_a_border_needs_crops_and_statistics_that_have_one(args: TrainArgs) -> None:
    for wrong in ({"size_px": 64}, {"size_px": 128, "statistic": "mrf"}):
        with pytest.raises(ConfigError, match="border_weight"):
            replace(args, border_weight=0.5, **wrong)


@pytest.mark.parametrize("method", ["in", "comatch"])
def test_a_zoom_of_one_shows_the_whole_short_side_of_photos(args: TrainArgs, method: str) -> None:
    """Of photos 70 px wide and 91 high, crops of 64 px show every column at 1; at 1.09 some are cut off."""
    ramp = np.broadcast_to(np.arange(70, dtype=np.uint8)[:, None] * 3, (91, 70, 3))
    for path in args.photos.iterdir():
        Image.fromarray(np.ascontiguousarray(ramp)).save(path)

    def spans(zoom: float) -> list[float]:
        task: Any = make_task(replace(args, method=method, size_px=64, photo_zoom=zoom))
        photos = torch.cat([task.batches.batch(step)[0] for step in range(8)])
        return [float(photo.max() - photo.min()) * 255 for photo in photos]

    assert min(spans(1.0)) > 200
    assert min(spans(1.09)) < 200


@pytest.mark.parametrize("option", ["grid_weight", "border_weight"])
@pytest.mark.parametrize("method", ["in", "cin", "comatch"])
def test_a_run_learns_something_else_by_it(args: TrainArgs, tmp_path: Path, method: str, option: str) -> None:
    learned = []
    for weight in (0.0, 0.1):
        options = replace(args, method=method, size_px=128, half_size=0.0, steps=2, **{option: weight})
        options = replace(options, out=tmp_path / f"{weight}.safetensors")
        learned.append(load_checkpoint(train(options)).network.state_dict())
    without, by_it = learned
    assert all(tensor.isfinite().all() for tensor in by_it.values())
    assert any(not torch.equal(without[name], tensor) for name, tensor in by_it.items())
