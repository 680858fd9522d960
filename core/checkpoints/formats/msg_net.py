"""MSG-Net as zhanghang1989 publishes it (`21styles.model`): BGR, 0..255.

The file has the encoder twice, as `model1.*` and `model.0.*`, and CoMatch as `ins.weight` and
`model.1.weight`; old files carry running statistics of normalization layers that never used them. One copy is
enough here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from ...normalization import PRESETS
from .._format import Format, RawCheckpoint, Recognised
from ._norms import AFFINE, STATISTICS_KEY

FIRST_BLOCK = 2
"""Index of the first bottleneck behind CoMatch in their nn.Sequential."""


def _single(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor once, under `model.`; without statistics."""
    found: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if not STATISTICS_KEY.search(key):
            name = re.sub(r"^model1\.", "model.0.", key)
            found.setdefault("model.1.weight" if name == "ins.weight" else name, tensor)
    return found


def _names(blocks: int) -> dict[str, str]:
    """Their modules → ours, CoMatch aside."""
    up = FIRST_BLOCK + blocks
    names = {"model.0.0.conv2d": "stem", f"model.{up + 4}.conv2d": "output"}
    for i in range(2):
        names |= _bottleneck(f"model.0.{3 + i}", f"down.{i}", "residual_layer")
        names |= _bottleneck(f"model.{up + i}", f"up.{i}", "residual_layer.conv2d")
    for i in range(blocks):
        names |= _bottleneck(f"model.{FIRST_BLOCK + i}", f"blocks.{i}", "")
    return names


def _bottleneck(theirs: str, ours: str, shortcut: str) -> dict[str, str]:
    names = {
        f"{theirs}.conv_block.2": f"{ours}.reduce",
        f"{theirs}.conv_block.5.conv2d": f"{ours}.spatial",
        f"{theirs}.conv_block.8": f"{ours}.expand",
    }
    return names | ({f"{theirs}.{shortcut}": f"{ours}.shortcut"} if shortcut else {})


def _blocks(keys: Iterable[str]) -> int:
    """Bottlenecks between CoMatch and the two upsampling ones."""
    found = {match[1] for key in keys if (match := re.match(r"model\.([1-9]\d*)\.conv_block\.2\.", key))}
    return len(found) - 2


def _keys(blocks: int) -> set[str]:
    return {"model.1.weight"} | {f"{name}.{part}" for name in _names(blocks) for part in AFFINE}


def _matches(raw: RawCheckpoint) -> bool:
    keys = _single(raw.tensors).keys()
    return keys == _keys(_blocks(keys))


def _convert(raw: RawCheckpoint) -> Recognised:
    tensors = _single(raw.tensors)
    blocks = _blocks(tensors)
    state = {f"{ours}.{part}": tensors[f"{name}.{part}"] for name, ours in _names(blocks).items() for part in AFFINE}
    comatch = tensors["model.1.weight"]
    state["comatch.weight"] = comatch.reshape(comatch.shape[-2:])
    down = len(state["down.0.spatial.bias"])
    return Recognised(
        architecture="msg_net",
        hyperparameters={
            "width": len(state["down.1.spatial.bias"]),
            "blocks": blocks,
            "stem": len(state["stem.bias"]),
            "down": down,
            "up": [len(state[f"up.{i}.spatial.bias"]) for i in range(2)],
            "expansion": len(state["down.0.expand.bias"]) // down,
        },
        state=state,
        normalization=PRESETS["bgr255"],
        styles=(),
    )


FORMATS = (
    Format(
        id="msg_net",
        title="zhanghang1989 MSG-Net",
        matches=_matches,
        convert=_convert,
        typical_keys=tuple(sorted(_keys(6))),
    ),
)
