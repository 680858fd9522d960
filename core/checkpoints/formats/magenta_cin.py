"""Magenta image_stylization: N styles by conditional instance normalization (Dumoulin et al. 2017).

TensorFlow checkpoints with 10 or 32 styles, and the 26-style `stylize_v1` as CoreML converted it. Variables
are named by scope; no convolution has a bias; reflection padding, nearest upsampling, normalization also
behind the last convolution, sigmoid; RGB 0..1 in and out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from torch import Tensor

from ...errors import UnsupportedCheckpointError
from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._stages import Refuse, Stage, to_transformer

ROOT = "transformer/"
CONTRACT = tuple(f"contract/conv{i}" for i in (1, 2, 3))
EXPAND = tuple(f"expand/conv{i}/conv" for i in (1, 2, 3))
PARTS = {"gamma": "weight", "beta": "bias"}


def matches(raw: RawCheckpoint) -> bool:
    """The scopes of the first and the last layer, whatever else the file holds (optimizer, VGG, counters)."""
    variables = _variables(raw)
    needed = (f"{CONTRACT[0]}/weights", f"{CONTRACT[0]}/InstanceNorm/gamma", f"{EXPAND[2]}/weights")
    return all(name in variables for name in needed)


def convert(raw: RawCheckpoint) -> Recognised:
    """Translate the variables; see `Format.convert`.

    Raises:
        UnsupportedCheckpointError: The scopes of the network, but not its shapes or not all of it.
    """
    variables = _variables(raw)

    def refuse(reason: str) -> NoReturn:
        raise UnsupportedCheckpointError(
            f"{raw.name} is no complete style network of Magenta.",
            expected="transformer/contract, residual and expand, each with weights, gamma and beta",
            got=reason,
            do="Use a checkpoint of magenta/image_stylization whose style normalization is conditional.",
        )

    numbers = {int(match[1]) for name in variables if (match := re.match(r"residual/residual(\d{1,4})/", name))}
    blocks = len(numbers)
    residual = [f"residual/residual{i}/conv{j}" for i in range(1, blocks + 1) for j in (1, 2)]
    stages = [_stage(scope, variables, raw.container, refuse) for scope in (*CONTRACT, *residual, *EXPAND)]
    hyperparameters, state = to_transformer(stages, refuse)
    styles = tuple(StyleInfo(f"style_{i:02d}") for i in range(hyperparameters["styles"]))
    hyperparameters["output"] = "sigmoid"
    return Recognised("conditional_transformer_net", hyperparameters, state, PRESETS["unit"], styles)


def _stage(scope: str, variables: Mapping[str, Tensor], container: str, refuse: Refuse) -> Stage:
    weight = variables.get(f"{scope}/weights")
    if weight is None or weight.ndim != 4:
        refuse(f"no convolution `{ROOT}{scope}/weights`")
    if container != "coreml":  # there the converter has already brought it to (out, in, h, w)
        weight = weight.permute(3, 2, 0, 1)
    stage = Stage(weight, variables.get(f"{scope}/biases"), padding="reflect", norm="conditional")
    stage.stride = 2 if scope in CONTRACT[1:] else 1
    stage.up = "nearest" if scope in EXPAND[:2] else ""
    stage.skip = scope.startswith("residual") and scope.endswith("conv2")
    stage.relu = not stage.skip and scope != EXPAND[2]
    for name, part in PARTS.items():
        values = variables.get(f"{scope}/InstanceNorm/{name}")
        if values is None:
            refuse(f"no `{ROOT}{scope}/InstanceNorm/{name}`")
        # (styles, channels); CoreML's constants are (channels, styles, 1)
        stage.norm_tensors[part] = values.flatten(1).T.contiguous() if container == "coreml" else values
        if stage.norm_tensors[part].ndim != 2:
            refuse(f"`{ROOT}{scope}/InstanceNorm/{name}` is {tuple(values.shape)}, not one row per style")
    return stage


def _variables(raw: RawCheckpoint) -> dict[str, Tensor]:
    """TensorFlow's variable names without the root scope, whichever container they come from."""
    if raw.container == "coreml":
        found = {re.sub(r"/convolution[^/]*\.weight$", "/weights", name): t for name, t in raw.tensors.items()}
        found = {re.sub(r":0(_pre_permute)?$", "", name): tensor for name, tensor in found.items()}
    else:
        found = dict(raw.tensors) if raw.container == "tensorflow" else {}
    return {name.removeprefix(ROOT): tensor for name, tensor in found.items() if name.startswith(ROOT)}


def _typical() -> tuple[str, ...]:
    scopes = (*CONTRACT, *(f"residual/residual{i}/conv{j}" for i in range(1, 6) for j in (1, 2)), *EXPAND)
    parts = ("weights", "InstanceNorm/gamma", "InstanceNorm/beta")
    return tuple(f"{ROOT}{scope}/{part}" for scope in scopes for part in parts)


FORMATS = (
    Format(
        id="magenta_cin",
        title="Magenta image_stylization, conditional instance normalization (TensorFlow, CoreML)",
        matches=matches,
        convert=convert,
        typical_keys=_typical(),
    ),
)
