"""ONNX exports of pytorch/examples fast_neural_style: the model zoo's candy-9 and its relatives of any width.

Value names are whatever the exporter counted, so the network is recognised by what its graph does: how each
convolution is padded, normalized and followed. Instance normalization may be one node or spelled out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NoReturn

from torch import Tensor

from ...errors import UnsupportedCheckpointError
from ...normalization import PRESETS
from ...spec import StyleInfo
from .._format import Format, RawCheckpoint, Recognised
from ._stages import Stage, to_transformer

PASS_THROUGH = {"Identity", "Cast", "Dropout"}
RESHAPES = {"Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand"}
SPELLED_OUT = {"ReduceMean", "Sub", "Sqrt", "Div", "Pow", "Reciprocal"}
"""What a decomposed instance normalization is made of, beside Add, Mul and Reshape."""
RESIZE_LINEAR = {"half_pixel", "pytorch_half_pixel"}


def convert(raw: RawCheckpoint) -> Recognised:
    """Translate the graph; see `Format.convert`.

    Raises:
        UnsupportedCheckpointError: Another network; the message says what the graph is made of.
    """
    graph = _Graph(raw)
    hyperparameters, state = to_transformer(graph.stages(), graph.refuse)
    return Recognised(
        "transformer_net",
        hyperparameters,
        state,
        PRESETS["raw255"],
        (StyleInfo(PurePath(raw.name).stem),),
    )


class _Graph:
    """One pass over the nodes in their order, which ONNX requires to be topological."""

    def __init__(self, raw: RawCheckpoint) -> None:
        self.raw = raw
        self.nodes: list[Mapping[str, Any]] = list(raw.metadata["nodes"])
        self.producers = {name: node for node in self.nodes for name in node["outputs"]}
        self.picture = {name for name in raw.metadata["inputs"] if name not in raw.tensors}
        """Names of values that depend on the picture's pixels."""
        self.consumers: dict[str, set[str]] = {}
        for node in self.nodes:
            for name in node["inputs"]:
                self.consumers.setdefault(name, set()).add(node["op"])
        self.found: list[Stage] = []
        self.padding: tuple[str, list[int] | None] | None = None
        self.up = ""
        self.doublings = 0
        self.spelled = ""
        """The op of a decomposed normalization seen since the last convolution."""

    def refuse(self, reason: str) -> NoReturn:
        """Say what the graph is made of, and what about it is unknown."""
        ops = Counter(node["op"] for node in self.nodes)
        raise UnsupportedCheckpointError(
            f"{self.raw.name} is an ONNX model of another network.",
            expected="fast_neural_style: 9×9 conv, two strided convs, residual blocks, two ×2 upsamplings, 9×9 conv",
            got=f"{reason}. The graph: {', '.join(f'{n} {op}' for op, n in ops.most_common(12)) or 'empty'}",
            do="Use an export of pytorch/examples' TransformerNet, or the .pth it was made from.",
        )

    def stages(self) -> list[Stage]:
        """Walk the nodes that touch the picture."""
        for node in self.nodes:
            touched = [name for name in node["inputs"] if name in self.picture]
            if touched and node["op"] not in ("Shape", "Size"):
                self._visit(node, touched)
                self.picture.update(node["outputs"])
        self._close_stage()
        return self.found

    def _close_stage(self) -> None:
        if self.spelled and not self.found[-1].norm:
            self.refuse(f"a {self.spelled} node that belongs to no normalization")
        self.spelled = ""

    def _visit(self, node: Mapping[str, Any], touched: list[str]) -> None:
        op, attributes = node["op"], node["attributes"]
        if op == "Pad":
            pads = attributes.get("pads") or self._numbers(node, 1)
            self.padding = (attributes.get("mode", "constant"), None if pads is None else [int(p) for p in pads])
        elif op in ("Conv", "ConvTranspose"):
            self._convolution(node)
        elif op in ("Upsample", "Resize"):
            self._resize(node)
        elif op == "Concat":
            self._doubling(node)
        elif op == "Relu":
            self._last(op).relu = True
        elif op == "InstanceNormalization":
            weight, bias = self._vector(node, 1), self._vector(node, 2)
            if weight is None or bias is None:
                self.refuse("an instance normalization whose scale is computed at run time")
            self._normalize(weight=weight, bias=bias)
            self.found[-1].eps = float(attributes.get("epsilon", 1e-5))
        elif op in ("Add", "Mul"):
            self._arithmetic(node, touched)
        elif op in SPELLED_OUT:
            self._last(op)
            if op in ("Sub", "Div") and len(touched) != 2:
                self.refuse(f"a {op} with a constant in the path of the picture")
            self.spelled = op
        elif op == "Clip" and self.found:
            pass  # some exports end with the clamp to 0..255 that the decoder of images does anyway
        elif op not in PASS_THROUGH | RESHAPES:
            self.refuse(f"a {op} node in the path of the picture")

    def _convolution(self, node: Mapping[str, Any]) -> None:
        self._close_stage()
        attributes, transposed = node["attributes"], node["op"] == "ConvTranspose"
        weight = self._constant(node["inputs"][1]) if len(node["inputs"]) > 1 else None
        if weight is None or weight.ndim != 4:
            self.refuse("a convolution whose weights are computed at run time or not two-dimensional")
        if attributes.get("group", 1) != 1 or set(attributes.get("dilations", [1])) != {1}:
            self.refuse("a grouped or dilated convolution")
        half = weight.shape[-1] // 2
        own = attributes.get("pads", [0, 0, 0, 0])
        strides = attributes.get("strides", [1, 1])
        if len(set(strides)) != 1:
            self.refuse(f"a convolution with strides {strides}")
        if transposed:
            if (own, strides, attributes.get("output_padding")) != ([1] * 4, [2, 2], [1, 1]) or self.padding:
                self.refuse(f"a transposed convolution with strides {strides}, pads {own}")
            padding, self.up = "zero", "transposed"
        else:
            padding = self._padding(half, own)
        if self.doublings not in (0, 2):
            self.refuse("an upsampling in one direction only")
        up = self.up or ("nearest" if self.doublings else "")
        bias = self._vector(node, 2)
        if bias is None and any(node["inputs"][2:]):
            self.refuse("a convolution whose bias is computed at run time")
        self.found.append(Stage(weight, bias, int(strides[0]), padding, up))
        self.padding, self.up, self.doublings = None, "", 0

    def _padding(self, half: int, own: list[int]) -> str:
        """Kind of the padding that precedes a convolution together with its own."""
        mode, pads = self.padding or ("", None)
        if mode and pads is not None and pads != [0, 0, half, half, 0, 0, half, half]:
            self.refuse(f"a padding of {pads} before a {2 * half + 1}×{2 * half + 1} convolution")
        if mode and not any(own):
            kinds = {"reflect": "reflect", "edge": "replicate", "constant": "zero"}
            return kinds.get(mode) or self.refuse(f"a padding of mode `{mode}`")
        if mode or own not in ([half] * 4, [0] * 4):
            self.refuse(f"a convolution with pads {own}")
        return "zero" if any(own) else "none"

    def _resize(self, node: Mapping[str, Any]) -> None:
        attributes = node["attributes"]
        mode, where = attributes.get("mode", "nearest"), attributes.get("coordinate_transformation_mode", "")
        if mode in ("linear", "bilinear") and where in RESIZE_LINEAR:
            self.up = "bilinear"
        elif mode == "nearest":
            self.up = "nearest"
        else:
            self.refuse(f"an upsampling of mode `{mode}` {where}")
        # opset 7 has an attribute, 9 input 1, 10 input 1, 11+ input 2; computed from the shape it cannot be read
        scales = attributes.get("scales") or self._numbers(node, 1 if len(node["inputs"]) == 2 else 2)
        if scales and [float(s) for s in scales] != [1, 1, 2, 2]:
            self.refuse(f"an upsampling by {scales}")

    def _doubling(self, node: Mapping[str, Any]) -> None:
        """Concat of x with itself (or x + 0) along the last of two axes: onnx.js knows no Upsample."""
        sources = {self._without_zero(name) for name in node["inputs"]}
        if len(sources) != 1 or len(node["inputs"]) != 2 or node["attributes"].get("axis") != 1:
            self.refuse("a Concat of different values in the path of the picture")
        self.doublings += 1

    def _without_zero(self, name: str) -> str:
        node = self.producers.get(name)
        if node is not None and node["op"] == "Add":
            for value, other in zip(node["inputs"], reversed(node["inputs"]), strict=True):
                constant = self._constant(other)
                if constant is not None and not constant.any():
                    return value
        return name

    def _arithmetic(self, node: Mapping[str, Any], touched: list[str]) -> None:
        """Add and Mul: the skip connection, γ and β of a spelled-out normalization, or its epsilon."""
        if len(touched) == 2:
            if node["op"] == "Add":
                self._last("Add").skip = True
            return
        vectors = [self._vector(node, i) for i, name in enumerate(node["inputs"]) if name not in touched]
        vector = vectors[0] if vectors else None
        if vector is None:
            self.refuse(f"a {node['op']} with a value computed at run time")
        if vector.numel() == 1:
            if node["op"] == "Add" and self._goes_to(node) <= {"Sqrt", "Pow"}:
                self._last("Add").eps = float(vector)
            elif node["op"] == "Mul" or abs(float(vector)) > 1e-6:
                self.refuse(f"a {node['op']} with {float(vector):g} in the path of the picture")
        else:
            self._normalize(**{"weight" if node["op"] == "Mul" else "bias": vector})

    def _goes_to(self, node: Mapping[str, Any]) -> set[str]:
        return set().union(*(self.consumers.get(name, set()) for name in node["outputs"]))

    def _normalize(self, **tensors: Tensor) -> None:
        stage = self._last("InstanceNormalization")
        if stage.norm_tensors.keys() & tensors.keys() or stage.relu or stage.skip:
            self.refuse("two normalizations behind one convolution")
        stage.norm = "instance"
        stage.norm_tensors |= tensors

    def _last(self, op: str) -> Stage:
        return self.found[-1] if self.found else self.refuse(f"a {op} before the first convolution")

    def _constant(self, name: str) -> Tensor | None:
        """A stored value, through nodes that do not change it."""
        for _ in range(16):
            if name in self.raw.tensors:
                return self.raw.tensors[name]
            node = self.producers.get(name)
            if node is None or node["op"] not in PASS_THROUGH or not node["inputs"]:
                return None
            name = node["inputs"][0]
        return None

    def _vector(self, node: Mapping[str, Any], index: int) -> Tensor | None:
        """A stored value as 1-d tensor, through reshapes."""
        if index >= len(node["inputs"]):
            return None
        name = node["inputs"][index]
        for _ in range(16):
            value = self._constant(name)
            producer = self.producers.get(name)
            if value is not None or producer is None or producer["op"] not in RESHAPES or not producer["inputs"]:
                return None if value is None else value.flatten()
            name = producer["inputs"][0]
        return None

    def _numbers(self, node: Mapping[str, Any], index: int) -> list[float] | None:
        values = self._vector(node, index)
        return None if values is None or not values.numel() else values.tolist()


FORMATS = (
    Format(
        id="onnx_fast_neural_style",
        title="ONNX export of pytorch/examples fast_neural_style",
        matches=lambda raw: raw.container == "onnx",
        convert=convert,
    ),
)
