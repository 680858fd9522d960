"""lengstrom/fast-style-transfer: TensorFlow checkpoints, or one raw file per variable.

The variables have no names but numbers, in the order in which the code made them: weights, shift, scale of
each convolution. Zero SAME padding, instance norm with ε = 1e-3 also behind the last convolution,
150 · tanh + 127.5; RGB 0..255 in and out.
"""

from __future__ import annotations

import re
from typing import NoReturn

from torch import Tensor

from ...errors import UnsupportedCheckpointError
from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._stages import Stage, to_transformer

VARIABLE = re.compile(r"Variable(?:_(\d+))?")
PER_CONVOLUTION = 3
EPS = 1e-3
FULL = 48
"""Variables of the published network: 16 convolutions."""


def matches(raw: RawCheckpoint) -> bool:
    """Numbered variables without gaps, and the first is a 9×9 convolution of an RGB picture."""
    if raw.container not in ("tensorflow", "raw-folder"):
        return False
    variables = _variables(raw)
    first = variables.get(0)
    complete = sorted(variables) == list(range(len(variables)))
    return first is not None and complete and first.ndim == 4 and first.shape[:3] == (9, 9, 3)


def convert(raw: RawCheckpoint) -> Recognised:
    """Translate the variables; see `Format.convert`.

    Raises:
        UnsupportedCheckpointError: Numbered variables of another network.
    """

    def refuse(reason: str) -> NoReturn:
        raise UnsupportedCheckpointError(
            f"{raw.name} holds numbered TensorFlow variables of another network.",
            expected=f"lengstrom/fast-style-transfer: {FULL} variables, three for each of 16 convolutions",
            got=f"{len(variables)} variables; {reason}",
            do="Use a checkpoint of lengstrom/fast-style-transfer.",
        )

    variables = _variables(raw)
    if len(variables) % PER_CONVOLUTION:
        refuse("not three for each convolution")
    count = len(variables) // PER_CONVOLUTION
    stages = []
    for i in range(count):
        weight, shift, scale = (variables[PER_CONVOLUTION * i + part] for part in range(PER_CONVOLUTION))
        if weight.ndim != 4:
            refuse(f"number {PER_CONVOLUTION * i} is no convolution: {tuple(weight.shape)}")
        stage = Stage(weight.permute(3, 2, 0, 1), padding="same", norm="instance", eps=EPS)
        stage.norm_tensors = {"weight": scale, "bias": shift}
        stage.stride = 2 if i in (1, 2) else 1
        # a transposed convolution is (h, w, out, in) there: the same permutation gives (in, out, h, w)
        stage.up = "transposed" if i in (count - 3, count - 2) else ""
        stage.skip = 3 <= i < count - 3 and i % 2 == 0
        stage.relu = not stage.skip and i != count - 1
        stages.append(stage)
    hyperparameters, state = to_transformer(stages, refuse)
    hyperparameters |= {"output": "tanh", "output_scale": 150.0, "output_offset": 127.5}
    return Recognised("transformer_net", hyperparameters, state, PRESETS["raw255"], (StyleInfo(raw.stem),))


def _variables(raw: RawCheckpoint) -> dict[int, Tensor]:
    """By number; the optimizer's slots (`Variable_3/Adam`) and counters are left out."""
    found = ((VARIABLE.fullmatch(name), tensor) for name, tensor in raw.tensors.items())
    return {int(match[1] or 0): tensor for match, tensor in found if match}


FORMATS = (
    Format(
        id="lengstrom",
        title="lengstrom/fast-style-transfer (TensorFlow)",
        matches=matches,
        convert=convert,
        typical_keys=("Variable", *(f"Variable_{i}" for i in range(1, FULL))),
    ),
)
