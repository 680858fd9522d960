"""Which normalization a PyTorch file holds, and the parts of it that count."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

AFFINE = ("weight", "bias")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
STATISTICS_KEY = re.compile(rf"\.({'|'.join(STATISTICS)})$")


def norm_kind(keys: Collection[str], norms: Iterable[str]) -> str:
    """`batch` or `instance`, from the statistics beside the weights.

    Files of 2017 carry running_mean and running_var for instance normalization too, which ignored them then;
    pytorch/examples drops them. `num_batches_tracked` came in 2018, when instance normalization had stopped
    keeping statistics by default: a layer that has all three uses them, whatever its class was called.

    Args:
        keys: Of the file.
        norms: Names of all normalization layers.
    """
    needed = [f"{norm}.{part}" for norm in norms for part in STATISTICS]
    return "batch" if all(key in keys for key in needed) else "instance"


def parts(kind: str) -> tuple[str, ...]:
    """What is taken over of each layer."""
    return (*AFFINE, *STATISTICS) if kind == "batch" else AFFINE
