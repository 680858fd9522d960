"""Loss weights by layer, from what people write to what the loss is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.core.errors import ConfigError
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.layer_weights import parse_layer_weights


def test_names_with_and_without_a_weight():
    assert parse_layer_weights(["relu1_1=0.5", "relu3_1"]) == (("relu1_1", 0.5), ("relu3_1", 1.0))
    assert parse_layer_weights([]) == ()


@pytest.mark.parametrize(
    "words", [["conv1_1"], ["relu9_1"], ["relu1_1=0"], ["relu1_1=-1"], ["relu1_1=nan"], ["relu1_1=x"], ["relu1_1"] * 2]
)
def test_what_cannot_be_meant_is_refused(words):
    with pytest.raises(ConfigError, match="layers of the style loss"):
        parse_layer_weights(words)


def test_the_style_loss_is_the_weighted_mean_of_its_layers(training_args: TrainArgs):
    one = replace(training_args, method="in", styles=training_args.styles[:1], bf16=False)
    photos, index = torch.rand(2, 3, 64, 64), torch.zeros(2, dtype=torch.long)

    def style_of(words: list[str]) -> torch.Tensor:
        task = InstanceTask(replace(one, style_layers=parse_layer_weights(words)))
        return task.loss(photos, task.loss.content_targets(photos), task.targets(), index).style

    shallow, deep, both = style_of(["relu1_1"]), style_of(["relu2_1"]), style_of(["relu1_1=3", "relu2_1"])
    assert torch.allclose(both, 0.75 * shallow + 0.25 * deep, rtol=1e-4)
