"""TransformerNet as pytorch/examples writes it, in any width and depth, and gordicaleksa's variant of it.

Both are Johnson et al. 2016 with instance normalization, reflection padding and nearest upsampling. They
differ in the names of the upsampling layers and in the range: 0..255 here, ImageNet-normalised there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._norms import AFFINE, STATISTICS_KEY, norm_kind, parts

UP = {
    "examples": ("deconv1.conv2d", "deconv2.conv2d", "deconv3.conv2d"),
    "gordicaleksa": ("up1.conv2d.conv2d", "up2.conv2d.conv2d", "up3.conv2d"),
}


def _names(blocks: int, family: str) -> dict[str, str]:
    """Their modules → ours."""
    up1, up2, up3 = UP[family]
    names = {up1: "decoder.0.conv.conv", up2: "decoder.1.conv.conv", up3: "output"}
    names |= {"in4": "decoder.0.norm", "in5": "decoder.1.norm"}
    for i in range(3):
        names |= {f"conv{i + 1}.conv2d": f"encoder.{i}.conv", f"in{i + 1}": f"encoder.{i}.norm"}
    for block in range(blocks):
        for layer in (1, 2):
            ours = f"blocks.{block}.layers.{layer - 1}"
            names |= {f"res{block + 1}.conv{layer}.conv2d": f"{ours}.conv"}
            names |= {f"res{block + 1}.in{layer}": f"{ours}.norm"}
    return names


def _blocks(keys: Iterable[str]) -> int:
    return len({match[1] for key in keys if (match := re.match(r"res(\d+)\.conv1\.", key))})


def _keys(blocks: int, family: str) -> set[str]:
    return {f"{name}.{part}" for name in _names(blocks, family) for part in AFFINE}


def _matches(raw: RawCheckpoint, family: str) -> bool:
    keys = {key for key in raw.tensors if not STATISTICS_KEY.search(key)}
    return keys == _keys(_blocks(keys), family)


def _convert(raw: RawCheckpoint, family: str) -> Recognised:
    tensors = raw.tensors
    blocks = _blocks(tensors)
    names = _names(blocks, family)
    norms = [name for name, ours in names.items() if ours.endswith("norm")]
    kind = norm_kind(tensors, norms)
    state = {
        f"{ours}.{part}": tensors[f"{name}.{part}"]
        for name, ours in names.items()
        for part in (parts(kind) if name in norms else AFFINE)
    }
    return Recognised(
        architecture="transformer_net",
        hyperparameters={
            "encoder_widths": [len(tensors[f"conv{i}.conv2d.bias"]) for i in (1, 2, 3)],
            "decoder_widths": [len(tensors[f"{up}.bias"]) for up in UP[family][:2]],
            "blocks": blocks,
            "norm": kind,
        },
        state=state,
        normalization=PRESETS["raw255" if family == "examples" else "imagenet"],
        styles=(StyleInfo(name=raw.stem),),
    )


FORMATS = (
    Format(
        id="pytorch_examples",
        title="pytorch/examples fast_neural_style TransformerNet",
        matches=lambda raw: _matches(raw, "examples"),
        convert=lambda raw: _convert(raw, "examples"),
        typical_keys=tuple(sorted(_keys(5, "examples"))),
    ),
    Format(
        id="gordicaleksa",
        title="gordicaleksa pytorch-neural-style-transfer-johnson TransformerNet",
        matches=lambda raw: _matches(raw, "gordicaleksa"),
        convert=lambda raw: _convert(raw, "gordicaleksa"),
        typical_keys=tuple(sorted(_keys(5, "gordicaleksa"))),
    ),
)
