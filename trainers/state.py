"""The resumable state of a run: one safetensors file beside the model, written atomically, no pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import CheckpointError
from ..core.files import atomic_path


def state_path(out: Path) -> Path:
    """Where the state of a run that writes `out` lies."""
    return out.with_name(out.name + ".train")


def save_state(
    path: Path,
    network: nn.Module,
    averaged: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    extra: dict[str, Tensor],
    record: dict[str, Any],
) -> None:
    """Write everything that the next step depends on."""
    from safetensors.torch import save

    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in averaged.items()}
    tensors |= {f"extra/{k}": v for k, v in extra.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in moments.items()}
    # clone: safetensors refuses tensors that share memory, and channels_last ones
    data = save(
        {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()},
        metadata={"brushwork_training": json.dumps(record)},
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def load_state(
    path: Path, network: nn.Module, averaged: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `save_state`; fills network, average and optimizer in place, returns extra and record.

    Raises:
        CheckpointError: The file is damaged, or belongs to a run with another network.
    """
    from safetensors import SafetensorError, safe_open

    groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "extra": {}, "optimizer": {}}
    try:
        with safe_open(str(path), "pt") as file:
            record = {"rate": 1.0, **json.loads(file.metadata()["brushwork_training"])}
            for key in file.keys():  # noqa: SIM118 - safe_open is no mapping
                group, _, name = key.partition("/")
                groups[group][name] = file.get_tensor(key)
        network.load_state_dict(groups["network"])
        for name, tensor in groups["average"].items():
            averaged[name].copy_(tensor)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups["optimizer"].items():
            index, _, field = name.partition("/")
            moments.setdefault(int(index), {})[field] = tensor
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The run in {path} cannot be resumed.",
            expected="the state of a run with the same method, styles and widths",
            got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            do="Use the same options as before, or start anew without resuming.",
        ) from error
    return groups["extra"], record
