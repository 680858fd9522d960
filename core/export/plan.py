"""What an exported model takes: the photo alone, or the style beside it; and the network with a style baked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..architectures import ConditionalTransformerNet, StyleCode, TransformerNet
from ..architectures._modulation import Modulator
from ..errors import ConfigError
from ..inference.device import model_on
from ..spec import StyleInfo
from ..style_model import StyleModel, StyleSelection

StyleInput = Literal["auto", "none", "weights", "picture", "features"]
"""none: one style is baked in. weights: of the styles of a conditional model. picture: a style picture. features: what
the method takes of a style picture, which the style encoder, a file of its own, computes. auto: none where a style
is given or the model has one only, else weights or picture."""

FEATURE_NAMES = {
    "adain": ("mean", "deviation"),
    "comatch": ("gram",),
    "msg_net": ("gram",),
    "microast": tuple(f"{part}_{level}" for level in (1, 2) for part in ("mean", "deviation", "weight", "bias")),
}
"""Names of the features in the order of `encode_style`, by architecture; `scale_shift` follows where the style steers
norms."""

CHOICES: dict[str, tuple[str, ...]] = {
    "fixed": ("none",),
    "conditional": ("none", "weights"),
    "image": ("none", "picture", "features"),
}
"""Style inputs by kind of model, besides auto."""


@dataclass(frozen=True)
class ExportPlan:
    """A model on the CPU in float32, and how it is told its style."""

    model: StyleModel
    style_input: str
    """none | weights | picture | features."""
    features: tuple[Tensor, ...] = ()
    """Of the style that is baked in, each with a leading 1, for networks that take pictures."""
    baked: str = ""
    """Name of the baked style, for people."""

    @property
    def style_names(self) -> tuple[str, ...]:
        """Names of the inputs behind the photo."""
        if self.style_input == "features":
            steered = isinstance(getattr(self.model.network, "modulator", None), Modulator)
            return (*FEATURE_NAMES[self.model.spec.architecture], *(["scale_shift"] if steered else []))
        return {"none": (), "weights": ("style_weights",), "picture": ("style_picture",)}[self.style_input]

    def code(self, style: tuple[Tensor, ...]) -> StyleCode | None:
        """What the network is told, from the inputs behind the photo."""
        if self.style_input == "weights":
            weights = style[0].clamp_min(0)
            return StyleCode(weights / weights.sum(1, keepdim=True))
        if self.model.style_kind != "image":
            return None
        if self.style_input == "picture":
            style = self.encode_style(style[0])
        features = style or self.features
        return StyleCode(torch.ones(1, 1, device=features[0].device), features)

    def encode_style(self, picture: Tensor) -> tuple[Tensor, ...]:
        """A style picture (1, 3, h, w) in 0..1, no smaller than the padding needs → features."""
        return self.model.network.encode_style(self.model.spec.normalization.encode(picture))


def plan_export(model: StyleModel, style: StyleSelection = None, style_input: StyleInput = "auto") -> ExportPlan:
    """Decide what the exported file takes, and bake a style where one was chosen.

    Args:
        model: Not modified.
        style: A style, or a mix without masks, to bake in; None: none.
        style_input: See `StyleInput`.

    Raises:
        ConfigError: The choice contradicts the model or `style`, or the mix has masks.
        StyleError: A style that the model does not have.
    """
    if style_input not in get_args(StyleInput):
        raise _wrong(model, style_input, ("auto", *CHOICES[model.style_kind]))
    if style_input == "auto":
        style_input = "none"
        if style is None:
            style_input = {"fixed": "none", "conditional": "weights", "image": "picture"}[model.style_kind]  # type: ignore[assignment]
    if style_input not in CHOICES[model.style_kind]:
        raise _wrong(model, style_input, CHOICES[model.style_kind])
    if style is not None and style_input != "none":
        raise ConfigError(
            f"A style that is baked in and the style input `{style_input}` exclude each other.",
            expected="one of them",
            got="both",
            do="Leave the style out, or set the style input to none.",
        )
    plain = model_on(model, torch.device("cpu"), torch.float32)
    if style_input != "none":
        return ExportPlan(plain, style_input)
    return _baked(plain, style)


def _baked(model: StyleModel, style: StyleSelection) -> ExportPlan:
    code = model.encode(style)
    if code is not None and code.weights.ndim == 4:
        raise ConfigError(
            "A mix with masks cannot be baked into an exported model.",
            expected="styles with weights only",
            got="a style with a mask",
            do="Export every style by itself, and blend the paintings by the masks.",
        )
    if code is None:
        return ExportPlan(model, "none", baked=", ".join(model.spec.style_names[:1]))
    if model.style_kind == "conditional":
        return ExportPlan(fix_style(model, code.weights[0]), "none", baked=_label(model, code.weights[0]))
    mixed = (torch.einsum("s,s...->...", code.weights[0].to(part.dtype), part)[None] for part in code.features)
    return ExportPlan(model, "none", tuple(mixed), "a picture")


def fix_style(model: StyleModel, weights: Tensor) -> StyleModel:
    """The network of one style, or one mix, of a conditional model: its γ and β are Σ_s w_s γ_s and Σ_s w_s β_s.

    Args:
        model: Conditional; not modified.
        weights: (S,), convex.
    """
    conditional = model.network
    assert isinstance(conditional, ConditionalTransformerNet)  # noqa: S101 - the caller asked for style_kind
    own: dict[str, Any] = {**model.spec.hyperparameters, "norm": "instance"}
    own.pop("styles", None)
    with torch.no_grad():
        state = {
            name: weights.to(tensor.dtype) @ tensor if ".norm." in name else tensor
            for name, tensor in conditional.state_dict().items()
        }
    network = TransformerNet(type(conditional.config)(**own))
    network.load_state_dict(state)
    name = _label(model, weights)
    first = model.spec.styles[int(weights.argmax())]
    info = first if name == first.name else StyleInfo(name)
    provenance = {**model.spec.provenance, "style_of": model.spec.title or model.spec.architecture}
    spec = model.spec.with_(architecture="transformer_net", hyperparameters=own, styles=(info,), provenance=provenance)
    return StyleModel(network, spec)


def _label(model: StyleModel, weights: Tensor) -> str:
    """`name` of one style, `name 0.5 + name 0.5` of several."""
    used = [(name, float(weight)) for name, weight in zip(model.spec.style_names, weights, strict=True) if weight > 0]
    return used[0][0] if len(used) == 1 else " + ".join(f"{name} {weight:.3g}" for name, weight in used)


def _wrong(model: StyleModel, style_input: str, choices: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        f"A {model.spec.architecture} model cannot be exported with the style input `{style_input}`.",
        expected=" | ".join(choices),
        got=repr(style_input),
        do="Choose one of these.",
    )
