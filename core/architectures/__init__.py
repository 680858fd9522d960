"""The networks of the literature, one paper a file."""

from ._base import StyleCode, StyleKind, StyleNetwork
from ._registry import ARCHITECTURES, Architecture, build_network
from .conditional import ConditionalTransformerNet
from .transformer_net import TransformerConfig, TransformerNet

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ConditionalTransformerNet",
    "StyleCode",
    "StyleKind",
    "StyleNetwork",
    "TransformerConfig",
    "TransformerNet",
    "build_network",
]
