"""Which task a method's name stands for."""

from __future__ import annotations

from collections.abc import Callable

from .adain import AdaINTask
from .args import TrainArgs
from .cin import ConditionalTask
from .comatch import CoMatchTask
from .instance import InstanceTask
from .task import StyleTask
from .vanilla import VanillaTask

TASKS: dict[str, Callable[[TrainArgs], StyleTask]] = {
    "vanilla": VanillaTask,
    "in": InstanceTask,
    "cin": ConditionalTask,
    "comatch": CoMatchTask,
    "adain": AdaINTask,
}


def make_task(args: TrainArgs) -> StyleTask:
    """The task of `args.method`, from random weights or those of `args.start_from`."""
    task = TASKS[args.method](args)
    if args.start_from is not None:
        task.start_from(args.start_from)
    return task
