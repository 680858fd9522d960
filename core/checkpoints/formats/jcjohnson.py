"""jcjohnson/fast-neural-style .t7 checkpoints: the code of Johnson et al. 2016, instance or batch norm.

Released networks (candy, la_muse, mosaic, …; the_wave, starry_night, … of the paper): 40 pixels of reflection
first, then zero-padded convolutions, residual blocks without padding whose skip is cropped, transposed
convolutions, 150 · tanh. Input and output are BGR 0..255 minus VGG's means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from torch import Tensor

from ...errors import UnsupportedCheckpointError
from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._stages import Stage, to_transformer

PADDINGS = {
    "SpatialReflectionPadding": "reflect",
    "SpatialReplicationPadding": "replicate",
    "SpatialZeroPadding": "zero",
}
CONVOLUTIONS = ("SpatialConvolution", "SpatialConvolutionMM")
IGNORED = {"Sequential", "Identity", "ConcatTable", "TotalVariation", "Dropout"}
SHAVED_PX = 8
"""Rows and columns on each side of the picture that one unpadded residual block costs."""
PREPROCESSING = {"vgg": "caffe", "resnet": "imagenet"}


def convert(raw: RawCheckpoint) -> Recognised:
    """Translate the module tree; see `Format.convert`.

    Raises:
        UnsupportedCheckpointError: Another network; the message says what it is made of.
    """
    walk = _Walk(raw)
    for module in raw.metadata["modules"]:
        walk.visit(module)
    hyperparameters, state = to_transformer(walk.stages, walk.refuse)
    if (hyperparameters["block_padding"] == "none") != (walk.shaves > 0):
        walk.refuse("residual blocks whose skip has another size than their convolutions")
    if walk.shaves not in (0, hyperparameters["blocks"]):
        walk.refuse(f"{walk.shaves} cropped skips in {hyperparameters['blocks']} blocks")
    # `padding_type none` has no padding in front and answers with a smaller picture: pad as its sibling does
    start = walk.start_padding or SHAVED_PX * walk.shaves
    if walk.output_scale is None:
        walk.refuse("no tanh at the end")
    hyperparameters |= {"start_padding": start, "output": "tanh", "output_scale": walk.output_scale}
    preset = PREPROCESSING.get(str(raw.metadata["options"].get("preprocessing", "vgg")))
    if preset is None:
        walk.refuse(f"preprocessing `{raw.metadata['options']['preprocessing']}`")
    return Recognised("transformer_net", hyperparameters, state, PRESETS[preset], (StyleInfo(raw.stem),))


class _Walk:
    """The modules in the order in which the picture passes them."""

    def __init__(self, raw: RawCheckpoint) -> None:
        self.raw = raw
        self.stages: list[Stage] = []
        self.padding: tuple[str, int] | None = None
        self.start_padding = self.shaves = 0
        self.output_scale: float | None = None

    def refuse(self, reason: str) -> NoReturn:
        """Say what the network is made of, and what about it is unknown."""
        kinds = Counter(str(module["kind"]) for module in self.raw.metadata["modules"])
        raise UnsupportedCheckpointError(
            f"{self.raw.name} is a Torch7 file of another network.",
            expected="jcjohnson/fast-neural-style: c9s1, d, d, residual blocks, u, u, c9s1-3, tanh",
            got=f"{reason}. The modules: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common(12))}",
            do="Use a model of jcjohnson/fast-neural-style for style transfer.",
        )

    def visit(self, module: Mapping[str, Any]) -> None:
        """Take one module into the list of stages."""
        kind = module["kind"]
        if kind in PADDINGS:
            sides = {self._number(module, side) for side in ("pad_l", "pad_r", "pad_t", "pad_b")}
            if len(sides) != 1 or self.padding:
                self.refuse("unequal or repeated padding")
            self.padding = (PADDINGS[kind], sides.pop())
        elif kind in CONVOLUTIONS:
            self._convolution(module)
        elif kind == "SpatialFullConvolution":
            self._transposed(module)
        elif kind == "InstanceNormalization":
            self._normalization(module, "instance")
        elif kind == "SpatialBatchNormalization":
            self._normalization(module, "batch")
        elif kind == "ReLU":
            self._last(kind).relu = True
        elif kind == "CAddTable":
            self._last(kind).skip = True
        elif kind == "ShaveImage":
            if self._number(module, "size") != 2:
                self.refuse("a crop by another size than 2")
            self.shaves += 1
        elif kind == "Tanh":
            self._last(kind)
            self.output_scale = 1.0
        elif kind == "MulConstant" and self.output_scale is not None:
            self.output_scale *= float(module.get("constant_scalar", 1.0))
        elif kind not in IGNORED:
            self.refuse(f"a {kind}")

    def _convolution(self, module: Mapping[str, Any]) -> None:
        kernel, stride = self._square(module, "kW", "kH"), self._square(module, "dW", "dH")
        own = self._number(module, "padW", self._number(module, "padding", 0))
        if self._number(module, "padH", own) != own:
            self.refuse("a convolution with unequal padding")
        half = kernel // 2
        kind, amount = self.padding or ("", 0)
        if kind and not own and amount == half:
            padding = kind
        elif own in (0, half) and (not kind or (kind == "reflect" and not self.stages)):
            padding, self.start_padding = "zero" if own else "none", self.start_padding or amount
        else:
            self.refuse(f"a {kernel}×{kernel} convolution padded by {amount} and {own}")
        weight = self._tensor(module, "weight")
        planes = [self._number(module, name) for name in ("nOutputPlane", "nInputPlane")]
        if weight.numel() != planes[0] * planes[1] * kernel * kernel:
            self.refuse(f"convolution weights {tuple(weight.shape)} that do not fit {planes}")
        # SpatialConvolutionMM keeps them as a matrix
        weight = weight.reshape(planes[0], planes[1], kernel, kernel)
        self._append(Stage(weight, self._bias(module), stride, padding))

    def _transposed(self, module: Mapping[str, Any]) -> None:
        facts = {name: self._number(module, name) for name in ("kW", "kH", "dW", "dH", "padW", "padH", "adjW", "adjH")}
        if list(facts.values()) != [3, 3, 2, 2, 1, 1, 1, 1] or self.padding:
            self.refuse(f"a transposed convolution with {facts}")
        self._append(Stage(self._tensor(module, "weight"), self._bias(module), 2, "zero", "transposed"))

    def _append(self, stage: Stage) -> None:
        if self.output_scale is not None:
            self.refuse("a convolution behind the tanh")
        self.stages.append(stage)
        self.padding = None

    def _normalization(self, module: Mapping[str, Any], norm: str) -> None:
        stage = self._last(norm)
        if stage.norm or stage.relu or stage.skip:
            self.refuse("two normalizations behind one convolution")
        stage.norm, stage.eps = norm, float(module.get("eps", 1e-5))
        stage.norm_tensors = {part: self._tensor(module, part) for part in ("weight", "bias")}
        if norm == "batch":
            stage.norm_tensors |= self._statistics(module, stage.eps)

    def _statistics(self, module: Mapping[str, Any], eps: float) -> dict[str, Tensor]:
        """Running mean and variance; nn before 2015 kept the inverse deviation as `running_std`."""
        if self._key(module, "running_std") in self.raw.tensors:
            variance = self._tensor(module, "running_std").pow(-2) - eps
        else:
            variance = self._tensor(module, "running_var")
        return {"running_mean": self._tensor(module, "running_mean"), "running_var": variance}

    def _last(self, kind: str) -> Stage:
        if not self.stages or (self.output_scale is not None and kind != "MulConstant"):
            self.refuse(f"a {kind} {'behind the tanh' if self.stages else 'before the first convolution'}")
        return self.stages[-1]

    def _key(self, module: Mapping[str, Any], name: str) -> str:
        return f"{module['path']}.{name}".lstrip(".")

    def _tensor(self, module: Mapping[str, Any], name: str) -> Tensor:
        found = self.raw.tensors.get(self._key(module, name))
        return self.refuse(f"a {module['kind']} without {name}") if found is None else found

    def _bias(self, module: Mapping[str, Any]) -> Tensor | None:
        return self.raw.tensors.get(self._key(module, "bias"))

    def _number(self, module: Mapping[str, Any], name: str, default: int | None = None) -> int:
        value = module.get(name, default)
        if not isinstance(value, float | int) or value != int(value):
            self.refuse(f"a {module['kind']} without {name}")
        return int(value)

    def _square(self, module: Mapping[str, Any], first: str, second: str) -> int:
        if self._number(module, first) != self._number(module, second):
            self.refuse(f"a {module['kind']} that is not square")
        return self._number(module, first)


FORMATS = (
    Format(
        id="jcjohnson",
        title="jcjohnson/fast-neural-style .t7",
        matches=lambda raw: raw.container == "t7",
        convert=convert,
    ),
)
