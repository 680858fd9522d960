"""The explicit list of architectures: id, paper, how to build one from its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, UnsupportedCheckpointError
from ._base import StyleKind, StyleNetwork
from .adain import AdaINConfig, AdaINNet
from .conditional import ConditionalTransformerNet
from .microast import MicroAST, MicroASTConfig
from .modulated_adain import ModulatedAdaINConfig, ModulatedAdaINNet
from .msg_net import MsgNet, MsgNetConfig
from .transformer_net import TransformerConfig, TransformerNet


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry."""

    id: str
    title: str
    paper: str
    """arXiv id."""
    style_kind: StyleKind
    build: Callable[[Mapping[str, Any]], StyleNetwork]
    """Hyperparameters as stored in a file → freshly initialised network on the CPU."""


def _transformer(hyperparameters: Mapping[str, Any]) -> TransformerNet:
    return TransformerNet(TransformerConfig(**hyperparameters))


def _conditional(hyperparameters: Mapping[str, Any]) -> ConditionalTransformerNet:
    return ConditionalTransformerNet(TransformerConfig(**{**hyperparameters, "norm": "conditional"}))


def _msg_net(hyperparameters: Mapping[str, Any]) -> MsgNet:
    return MsgNet(MsgNetConfig(**hyperparameters))


def _adain(hyperparameters: Mapping[str, Any]) -> AdaINNet | ModulatedAdaINNet:
    if "hidden" in hyperparameters:  # only the modulated decoder has one
        return ModulatedAdaINNet(ModulatedAdaINConfig(**{**hyperparameters, "match": "adain"}))
    return AdaINNet(AdaINConfig(**hyperparameters))


def _comatch(hyperparameters: Mapping[str, Any]) -> ModulatedAdaINNet:
    return ModulatedAdaINNet(ModulatedAdaINConfig(**{**hyperparameters, "match": "comatch"}))


def _microast(hyperparameters: Mapping[str, Any]) -> MicroAST:
    return MicroAST(MicroASTConfig(**hyperparameters))


ARCHITECTURES: dict[str, Architecture] = {
    entry.id: entry
    for entry in (
        Architecture("transformer_net", "Image transformation network", "1603.08155", "fixed", _transformer),
        Architecture(
            "conditional_transformer_net",
            "Conditional instance normalization",
            "1610.07629",
            "conditional",
            _conditional,
        ),
        Architecture("msg_net", "MSG-Net with CoMatch", "1703.06953", "image", _msg_net),
        Architecture("comatch", "CoMatch with a modulated decoder", "1703.06953", "image", _comatch),
        Architecture("adain", "Adaptive instance normalization", "1703.06868", "image", _adain),
        Architecture("microast", "MicroAST", "2211.15313", "image", _microast),
    )
}


def build_network(architecture: str, hyperparameters: Mapping[str, Any]) -> StyleNetwork:
    """Build a network by registry id.

    Raises:
        UnsupportedCheckpointError: Unknown id.
        ConfigError: Hyperparameters that this architecture does not have, or of the wrong kind.
    """
    if architecture not in ARCHITECTURES:
        raise UnsupportedCheckpointError(
            f"There is no architecture `{architecture}` in this version.",
            expected=" | ".join(ARCHITECTURES),
            got=architecture,
            do="Update Brushwork: the file may be newer than the program.",
        )
    try:
        return ARCHITECTURES[architecture].build(hyperparameters)
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"The hyperparameters of this {architecture} are malformed.",
            expected="the fields of its configuration",
            got=f"{dict(hyperparameters)} ({error})",
            do="The file is damaged or newer than this program.",
        ) from error
