"""CIN learns every painting at several stroke sizes, as a style each."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.core.errors import ConfigError
from brushwork.core.images import resize_short_side
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.cin import ConditionalTask
from brushwork.trainers.data import read_rgb
from brushwork.trainers.methods import make_task


@pytest.fixture
def args(training_args: TrainArgs) -> TrainArgs:
    return training_args


def test_every_painting_is_learned_at_every_stroke_size(args: TrainArgs) -> None:
    task = make_task(replace(args, stroke_sizes_px=(64, 80)))
    names = ["stripes--small", "stripes--large", "dots--small", "dots--large"]
    assert [style.name for style in task.styles()] == [*names, "identity"]
    assert [style.style_size_px for style in task.styles()] == [64, 80, 64, 80, None]
    painting = resize_short_side(read_rgb(args.styles[1]), 80)
    gram = task.loss.describe(painting)["relu2_1"][0]
    assert torch.allclose(task.targets().statistics["relu2_1"][0][3], gram[0])
    assert task.network(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    assert task._styles_of(0).max() <= 4


@pytest.mark.parametrize(
    "wrong", [{"stroke_sizes_px": (64,)}, {"stroke_sizes_px": (80, 64)}, {"method": "in", "stroke_sizes_px": (64, 80)}]
)
def test_impossible_stroke_sizes_are_refused(args: TrainArgs, wrong: dict) -> None:
    with pytest.raises(ConfigError, match="stroke_sizes_px"):
        replace(args, styles=args.styles[:1], **wrong)


@pytest.mark.parametrize(("sizes", "identity_share"), [((), 1 / 5), ((64, 80), 1 / 5), ((64, 80, 96), 1 / 7)])
def test_paintings_share_the_photos_alike_and_the_identity_gets_a_fifth_at_most(
    args: TrainArgs, sizes: tuple[int, ...], identity_share: float
) -> None:
    task = make_task(replace(args, stroke_sizes_px=sizes))
    assert isinstance(task, ConditionalTask)
    steps = 70  # of two photos: a whole number of rounds of five and of seven turns
    counts = torch.bincount(torch.cat([task._styles_of(step) for step in range(steps)])).tolist()
    assert counts[-1] == identity_share * 2 * steps
    assert len(set(counts[:-1])) == 1
