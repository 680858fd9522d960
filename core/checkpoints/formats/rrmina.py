"""rrmina's fast-neural-style-pytorch: TransformerNetwork and its bottleneck ("ResNeXt") variants, any width.

Johnson et al. 2016 with reflection padding, transposed convolutions, and pictures as OpenCV reads them: BGR,
0..255. Its TransformerNetworkTanh has the same keys and shapes and cannot be told from the plain one; no
weights of it are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import CheckpointError
from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._norms import AFFINE, STATISTICS_KEY, norm_kind, parts


def _names(blocks: int, layers: int) -> dict[str, str]:
    """Their modules → ours, convolution before its normalization."""
    names: dict[str, str] = {}
    for i in range(3):
        names |= _layer(f"ConvBlock.{2 * i}", f"encoder.{i}")
    for block in range(blocks):
        for layer in range(layers):
            names |= _layer(f"ResidualBlock.{block}.conv{layer + 1}", f"blocks.{block}.layers.{layer}")
    for i in range(2):
        names[f"DeconvBlock.{2 * i}.conv_transpose"] = f"decoder.{i}.conv.conv"
        names[f"DeconvBlock.{2 * i}.norm_layer"] = f"decoder.{i}.norm"
    names["DeconvBlock.4.conv_layer"] = "output"
    return names


def _layer(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.conv_layer": f"{ours}.conv", f"{theirs}.norm_layer": f"{ours}.norm"}


def _depth(keys: Iterable[str]) -> tuple[int, int]:
    """Residual blocks, and convolutions in each: 2, or 3 with a bottleneck."""
    found = [match.groups() for key in keys if (match := re.match(r"ResidualBlock\.(\d+)\.conv(\d)\.", key))]
    return len({block for block, _ in found}), len({layer for _, layer in found})


def _keys(blocks: int, layers: int) -> set[str]:
    return {f"{name}.{part}" for name in _names(blocks, layers) for part in AFFINE}


def _matches(raw: RawCheckpoint) -> bool:
    keys = {key for key in raw.tensors if not STATISTICS_KEY.search(key)}
    return keys == _keys(*_depth(keys))


def _convert(raw: RawCheckpoint) -> Recognised:
    tensors = raw.tensors
    blocks, layers = _depth(tensors)
    _refuse_preactivation(raw, blocks)
    names = _names(blocks, layers)
    norms = [name for name, ours in names.items() if ours.endswith("norm")]
    kind = norm_kind(tensors, norms)
    state = {
        f"{ours}.{part}": tensors[f"{name}.{part}"]
        for name, ours in names.items()
        for part in (parts(kind) if name in norms else AFFINE)
    }
    inner = len(tensors["ResidualBlock.0.conv1.conv_layer.bias"]) if layers == 3 else 0
    return Recognised(
        architecture="transformer_net",
        hyperparameters={
            "encoder_widths": [len(tensors[f"ConvBlock.{i}.conv_layer.bias"]) for i in (0, 2, 4)],
            "decoder_widths": [len(tensors[f"DeconvBlock.{i}.conv_transpose.bias"]) for i in (0, 2)],
            "blocks": blocks,
            "bottleneck": inner,
            "norm": kind,
            "upsampling": "transposed",
        },
        state=state,
        normalization=PRESETS["bgr255"],
        styles=(StyleInfo(name=raw.stem),),
    )


def _refuse_preactivation(raw: RawCheckpoint, blocks: int) -> None:
    """TransformerNetworkV2 normalizes before it convolves; only the order of its keys tells.

    Safetensors keep no order of their own, so nothing is refused there.
    """
    order = list(raw.tensors)
    first = "ResidualBlock.0.conv1"
    if not blocks or raw.container == "safetensors":
        return
    if order.index(f"{first}.norm_layer.weight") < order.index(f"{first}.conv_layer.weight"):
        raise CheckpointError(
            f"{raw.name} is a TransformerNetworkV2 of rrmina's, which this version does not have.",
            expected="residual blocks that convolve, then normalize",
            got="residual blocks that normalize, then convolve",
            do="Use a TransformerNetwork or TransformerResNextNetwork file.",
        )


FORMATS = (
    Format(
        id="rrmina",
        title="rrmina fast-neural-style-pytorch TransformerNetwork",
        matches=_matches,
        convert=_convert,
        typical_keys=tuple(sorted(_keys(5, 2))),
    ),
)
