"""Which part of every batch a process takes, and how processes agree: torchrun's environment, gloo or nccl."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ConfigError


@dataclass(frozen=True)
class Shard:
    """Process `rank` of `world`; (0, 1) is a run in one process, in which nothing is exchanged."""

    rank: int = 0
    world: int = 1

    def rows(self, size: int) -> range:
        """The places of a batch of `size` that this process computes."""
        own = size // self.world
        return range(self.rank * own, (self.rank + 1) * own)

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, the same in each; `values` itself in a run of one."""
        if self.world == 1:
            return values
        # nccl exchanges tensors of the GPU only
        place = torch.device("cuda") if torch.distributed.get_backend() == "nccl" else values.device
        summed = values.to(place, copy=True)
        torch.distributed.all_reduce(summed)
        return summed.to(values.device)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes."""
        return bool(self.total(torch.tensor(float(flag))) > 0)

    def of_first(self, value: float) -> float:
        """The value that the first process has."""
        return float(self.total(torch.tensor(value if self.rank == 0 else 0.0, dtype=torch.float64)))


@contextmanager
def joined() -> Iterator[Shard]:
    """Join the run that torchrun started; outside of one, (0, 1).

    Raises:
        ConfigError: torchrun's environment is there but torch was built without distributed support.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Shard()
        return
    if not torch.distributed.is_available():
        raise ConfigError(
            "This PyTorch cannot train over several processes.",
            expected="a build with torch.distributed",
            got=f"WORLD_SIZE={world}, torch {torch.__version__}",
            do="Start the trainer without torchrun, or install another build.",
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Shard(torch.distributed.get_rank(), world)
    finally:
        torch.distributed.destroy_process_group()
