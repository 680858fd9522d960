"""Overlapped steps: the same results in the same order, really at the same time, bounded, and clean at every end."""

from __future__ import annotations

import contextlib
import threading

import pytest
from brushwork.core.overlap import overlapped

LONG_S = 20
"""No step waits as long unless something is broken."""


def run(items, load=lambda i: i, work=lambda i, x: x, store=lambda i, x: x, **options):
    with contextlib.closing(overlapped(items, load, work, store, **options)) as outcomes:
        return list(outcomes)


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_the_same_as_one_after_the_other(count, ahead):
    found = run(range(count), lambda i: i + 1, lambda i, x: x * x, lambda i, x: (i, x), ahead=ahead)
    assert found == [(i, (i, (i + 1) ** 2)) for i in range(count)]


def test_three_items_are_in_hand_at_once():
    meet = threading.Barrier(3, timeout=LONG_S)

    def load(item):
        if item == 2:
            meet.wait()
        return item

    def work(item, loaded):
        if item == 1:
            meet.wait()
        return loaded

    def store(item, made):
        if item == 0:
            meet.wait()
        return threading.current_thread().name

    names = [name for _, name in run(range(3), load, work, store)]
    assert {name.split("_")[0] for name in names} == {"store"}


def test_work_is_done_in_the_callers_thread():
    threads = run(range(3), work=lambda i, x: threading.get_ident())
    assert threads == [(i, threading.get_ident()) for i in range(3)]


def test_loading_does_not_run_away():
    loaded, most = [], []

    def load(item):
        loaded.append(item)
        return item

    def work(item, x):
        most.append(len(loaded) - item)
        return x

    run(range(30), load, work, ahead=2)
    assert max(most) <= 3


def test_a_forgiven_error_keeps_its_place():
    def load(item):
        if item == 1:
            raise KeyError("load")
        return item

    def work(item, x):
        if item == 2:
            raise KeyError("work")
        return x

    def store(item, x):
        if item == 3:
            raise KeyError("store")
        return x

    found = run(range(5), load, work, store, forgive=KeyError)
    assert [item for item, _ in found] == [0, 1, 2, 3, 4]
    assert [found[i][1] for i in (0, 4)] == [0, 4]
    assert [found[i][1].args[0] for i in (1, 2, 3)] == ["load", "work", "store"]


@pytest.mark.parametrize("step", ["load", "work", "store"])
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_other_errors_end_the_run_and_what_was_worked_on_is_stored(step, kind):
    stored = []

    def fail(name, item):
        if name == step and item == 3:
            raise kind(name)

    def load(item):
        fail("load", item)
        return item

    def work(item, x):
        fail("work", item)
        return x

    def store(item, x):
        fail("store", item)
        stored.append(item)

    before = threading.active_count()
    with pytest.raises(kind):
        run(range(100), load, work, store)
    assert stored[:3] == [0, 1, 2]
    assert len(stored) < 10
    assert threading.active_count() == before, "no thread is left behind"


def test_a_caller_that_stops_early_waits_for_what_is_being_stored():
    begun, go, stored = threading.Event(), threading.Event(), []

    def store(item, x):
        begun.set()
        assert go.wait(LONG_S)
        stored.append(item)

    outcomes = overlapped(range(10), lambda i: i, lambda i, x: x, store)
    timer = threading.Thread(target=lambda: (begun.wait(LONG_S), go.set()))
    timer.start()
    next(outcomes)
    outcomes.close()
    timer.join()
    assert stored
    assert stored == list(range(len(stored)))
