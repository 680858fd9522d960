"""From a sequence of convolutions, as any file tells it, to the configuration and weights of TransformerNet.

ONNX graphs, Lua module trees and TensorFlow variable lists all describe the same network: each format
brings its file to a list of `Stage`, and `to_transformer` checks that the list is that network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor

ENCODER, DECODER = 3, 2
Refuse = Callable[[str], NoReturn]
"""Called with one sentence on the first thing that is not this network; raises."""


@dataclass
class Stage:
    """One convolution with what stands directly before and behind it."""

    weight: Tensor
    """(out, in, k, k); transposed convolutions (in, out, k, k)."""
    bias: Tensor | None = None
    stride: int = 1
    padding: str = "none"
    """Before the convolution: reflect | replicate | zero | same | none."""
    up: str = ""
    """nearest | bilinear before the convolution, or transposed for the convolution itself."""
    norm: str = ""
    """instance | batch | conditional; empty: none."""
    norm_tensors: dict[str, Tensor] = field(default_factory=dict)
    """weight, bias, and for batch running_mean, running_var."""
    eps: float = 1e-5
    relu: bool = False
    skip: bool = False
    """Whether the block's input is added behind it."""

    @property
    def widths(self) -> tuple[int, int]:
        """Channels in and out."""
        first, second = self.weight.shape[:2]
        return (first, second) if self.up == "transposed" else (second, first)


def to_transformer(stages: Sequence[Stage], refuse: Refuse) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Hyperparameters of TransformerConfig and the state dict of the network they build.

    Args:
        stages: All convolutions in the order in which the picture passes them.
        refuse: Raises the error of the format.

    Returns:
        Hyperparameters without start padding and output activation, which only the caller knows; state.
    """
    blocks, odd = divmod(len(stages) - 2 * ENCODER, 2)
    if blocks < 0 or odd:
        refuse(f"{len(stages)} convolutions; the network has 3 + 2 per residual block + 3")
    names = _names(blocks)
    for name, stage in zip(names, stages, strict=True):
        _check(name, stage, names, refuse)
    for name, before, stage in zip(names[1:], stages, stages[1:], strict=False):
        if before.widths[1] != stage.widths[0]:
            refuse(f"{name} takes {stage.widths[0]} channels, the one before gives {before.widths[1]}")
    encoder, body, decoder = stages[:ENCODER], stages[ENCODER : -DECODER - 1], stages[-DECODER - 1 : -1]

    def common(values: Sequence[Any], what: str) -> Any:
        found = sorted(set(values), key=str)
        if len(found) > 1:
            refuse(f"{what} differs within the network: {', '.join(map(str, found))}")
        return found[0]

    padded = [encoder[0], stages[-1], *(s for s in decoder if s.up != "transposed" or s.padding == "same")]
    padding = common([s.padding for s in padded], "padding")
    normed = [s for s in stages if s.norm]
    hyperparameters = {
        "encoder_widths": tuple(s.widths[1] for s in encoder),
        "decoder_widths": tuple(s.widths[1] for s in decoder),
        "blocks": blocks,
        "norm": common([s.norm for s in normed], "normalization"),
        "eps": common([float(f"{s.eps:.6g}") for s in normed], "the epsilon of normalization"),
        "padding": padding,
        "down_padding": common([s.padding for s in encoder[1:]], "padding of the strided convolutions"),
        "block_padding": common([s.padding for s in body], "padding in the residual blocks") if body else padding,
        "upsampling": common([s.up for s in decoder], "upsampling"),
        "bias": any(s.bias is not None for s in stages[:-1]),
        "output_norm": bool(stages[-1].norm),
    }
    if hyperparameters["norm"] == "conditional":
        hyperparameters["styles"] = common([len(s.norm_tensors["weight"]) for s in normed], "the number of styles")
    return hyperparameters, _state(names, stages, hyperparameters)


def _names(blocks: int) -> list[str]:
    """Our module names in the order of the stages."""
    body = [f"blocks.{i}.layers.{j}" for i in range(blocks) for j in range(2)]
    return [*(f"encoder.{i}" for i in range(ENCODER)), *body, *(f"decoder.{i}" for i in range(DECODER)), "output"]


def _check(name: str, stage: Stage, names: Sequence[str], refuse: Refuse) -> None:
    """Kernel, stride, upsampling, ReLU, skip and normalization of one stage."""
    role, index = name.split(".")[0], name.split(".")[-1]
    kernel = 9 if name in ("encoder.0", "output") else 3
    stride = 2 if name in ("encoder.1", "encoder.2") else 1
    place = f"convolution {names.index(name) + 1} of {len(names)}"
    if stage.weight.ndim != 4 or stage.weight.shape[2:] != (kernel, kernel):
        refuse(f"{place} has weights {tuple(stage.weight.shape)}, expected a {kernel}×{kernel} kernel")
    if stage.up != "transposed" and stage.stride != stride:
        refuse(f"{place} has stride {stage.stride}, expected {stride}")
    if bool(stage.up) != (role == "decoder"):
        refuse(f"{place} {'has' if stage.up else 'lacks'} an upsampling")
    if stage.skip != (role == "blocks" and index == "1"):
        refuse(f"{place} {'has' if stage.skip else 'lacks'} the addition of a residual block behind it")
    if stage.relu != (name != "output" and not stage.skip):
        refuse(f"{place} {'has' if stage.relu else 'lacks'} a ReLU behind it")
    if not stage.norm and name != "output":
        refuse(f"{place} lacks a normalization behind it")
    if stage.norm and not {"weight", "bias"} <= stage.norm_tensors.keys():
        refuse(f"{place} has a normalization without scale or shift")
    width = stage.widths[1]
    for part, tensor in stage.norm_tensors.items():
        if tensor.ndim == 0 or tensor.shape[-1] != width:
            refuse(f"{place}: normalization {part} {tuple(tensor.shape)} does not fit {width} channels")
    if stage.bias is not None and tuple(stage.bias.shape) != (width,):
        refuse(f"{place}: bias {tuple(stage.bias.shape)} does not fit {width} channels")
    if name in ("encoder.0", "output") and stage.widths[0 if role == "encoder" else 1] != 3:
        refuse(f"{place} has {stage.widths}, expected 3 colour channels")


def _state(names: Sequence[str], stages: Sequence[Stage], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Our keys; biases that some but not all convolutions have become zeros where they lack."""
    state: dict[str, Tensor] = {}
    for name, stage in zip(names, stages, strict=True):
        conv = f"{name}.conv.conv" if name.startswith("decoder") else f"{name}.conv"
        biased = config["bias"]
        if name == "output":
            conv = "output.conv" if stage.norm else "output"
            biased = config["bias"] or not stage.norm
        state[f"{conv}.weight"] = stage.weight
        if biased:
            state[f"{conv}.bias"] = stage.weight.new_zeros(stage.widths[1]) if stage.bias is None else stage.bias
        for part, tensor in stage.norm_tensors.items():
            state[f"{name}.norm.{part}"] = tensor
        if stage.norm == "batch":
            state[f"{name}.norm.num_batches_tracked"] = torch.tensor(0)
    return state
