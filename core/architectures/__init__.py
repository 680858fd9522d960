"""The networks of the literature, one paper a file."""

from ._base import StyleCode, StyleKind, StyleNetwork
from ._registry import ARCHITECTURES, Architecture, build_network
from .adain import AdaINConfig, AdaINNet
from .conditional import ConditionalTransformerNet
from .microast import MicroAST, MicroASTConfig
from .modulated_adain import ModulatedAdaINConfig, ModulatedAdaINNet
from .msg_net import MsgNet, MsgNetConfig
from .transformer_net import TransformerConfig, TransformerNet

__all__ = [
    "ARCHITECTURES",
    "AdaINConfig",
    "AdaINNet",
    "Architecture",
    "ConditionalTransformerNet",
    "MicroAST",
    "MicroASTConfig",
    "ModulatedAdaINConfig",
    "ModulatedAdaINNet",
    "MsgNet",
    "MsgNetConfig",
    "StyleCode",
    "StyleKind",
    "StyleNetwork",
    "TransformerConfig",
    "TransformerNet",
    "build_network",
]
