"""The guard's memory outlives an interrupted run."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from brushwork.core.errors import TrainingError
from brushwork.trainers.guard import MOST_ROLLBACKS, MOST_SKIPPED, PATIENCE, Guard


@pytest.fixture
def make():
    def build() -> Guard:
        network = torch.nn.Linear(2, 2)
        task = SimpleNamespace(state=dict, load_state=lambda state: None)
        return Guard(task, network, torch.optim.Adam(network.parameters()), {})

    return build


def test_a_resumed_guard_still_knows_what_a_usual_loss_is(make):
    first, second = make(), make()
    for _ in range(20):
        assert first.healthy(torch.tensor(1.0))
    assert first.healthy(torch.tensor(100.0))
    second.resume(json.loads(json.dumps(first.record())))
    verdicts = [second.healthy(torch.tensor(100.0)) for _ in range(PATIENCE - 1)]
    assert verdicts == [True] * (PATIENCE - 2) + [False]


def test_returns_are_counted_over_all_parts_of_a_run(make):
    first, second = make(), make()
    for step in range(MOST_ROLLBACKS):
        first.rollback(step)
    second.resume(first.record())
    assert second.rate == 0.5**MOST_ROLLBACKS
    with pytest.raises(TrainingError, match="does not hold together"):
        second.rollback(MOST_ROLLBACKS)


def test_a_state_of_an_earlier_version_has_the_rate_alone(make):
    guard = make()
    guard.resume({"rate": 0.25})
    assert (guard.rate, guard.rollbacks) == (0.25, 0)
    assert guard.healthy(torch.tensor(100.0))


def test_a_step_without_a_finite_gradient_is_left_out_and_several_in_a_row_are_a_divergence(make):
    guard = make()
    for step in range(10 * MOST_SKIPPED + 1):  # a flat photo now and then
        assert guard.after_step(step, taken=step % MOST_SKIPPED == 0)
    assert guard.rate == 1.0
    verdicts = [guard.after_step(step, taken=False) for step in range(MOST_SKIPPED)]
    assert verdicts == [True] * (MOST_SKIPPED - 1) + [False]


def test_a_loss_that_stays_high_is_a_divergence(make):
    guard = make()
    guard.healthy(torch.tensor(1.0))
    verdicts = [guard.after_step(step, guard.healthy(torch.tensor(100.0))) for step in range(PATIENCE)]
    assert verdicts == [True] * (PATIENCE - 1) + [False]
