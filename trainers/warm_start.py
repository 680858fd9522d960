"""Going on from an earlier model instead of random weights: the same network, one with other styles, a narrower one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from ..core.architectures import ConditionalTransformerNet
from ..core.errors import TrainingError
from ..core.normalization import InputNormalization
from ..core.style_model import StyleModel

MAY_DIFFER = ("styles", "norm", "encoder_widths", "decoder_widths", "match")
"""Of a network's configuration: γ and β of the three normalizations mean the same, the modulated decoder learns behind
AdaIN and CoMatch alike, and widths may grow."""
NOT_EVERYWHERE = ("running_mean", "running_var", "num_batches_tracked", "comatch.weight", "comatch.whitening")
"""What networks with other normalizations than batch normalization, or with AdaIN, do not have."""


def style_rows(network: nn.Module) -> set[str]:
    """Names of the parameters that have a row per style."""
    if not isinstance(network, ConditionalTransformerNet):
        return set()
    owned = {id(p) for layer in network.style_layers() for p in layer.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in owned}


@torch.no_grad()
def take_over(network: nn.Module, model: StyleModel, rows: Sequence[int], name: str) -> None:
    """Fill a freshly initialised network with what an earlier model knows.

    A narrower model becomes a part of the wider network that paints what it painted: new channels start at random,
    and nothing that was there listens to them yet (Net2Net, Chen et al. 2016, arXiv 1511.05641, with silent instead
    of copied channels).

    Args:
        network: Modified in place.
        model: Not modified.
        rows: Of a CIN model, the style that each style of `network` starts from.
        name: Of the model, for errors.

    Raises:
        TrainingError: The model is a network of another kind, or a wider one.
    """
    own, given = network.state_dict(), model.network.state_dict()
    wide, narrow = style_rows(network), style_rows(model.network)
    weights: dict[str, Tensor] = {}
    for key, tensor in given.items():
        if key in narrow:
            weights[key] = tensor[list(rows)] if key in wide else tensor[rows[0]]
        else:
            weights[key] = tensor.expand(own[key].shape[0], -1) if key in wide and tensor.ndim == 1 else tensor
    wrong = [key for key in own if key not in given and not key.endswith(NOT_EVERYWHERE)]
    wrong += [key for key in given if key not in own and not key.endswith(NOT_EVERYWHERE)]
    wrong += [key for key in own.keys() & weights.keys() if not fits(weights[key], own[key])]
    wrong += _other_options(network, model)
    if wrong:
        raise TrainingError(
            f"Training cannot start from {name}: its network is another one.",
            expected=f"a network like the one that is trained, or a narrower one, with its `{sorted(wrong)[0]}`",
            got=f"{model.spec.architecture} that differs in {len(wrong)} places",
            do="Give the method, widths, blocks and upsampling of that file; `brushwork inspect` shows them.",
        )
    for key in own.keys() & weights.keys():
        fill(own[key], weights[key], silent=key not in wide)


def fill(target: Tensor, source: Tensor, *, silent: bool = True) -> None:
    """Copy a parameter into the beginning of one that is as large or larger.

    Args:
        target: Modified in place.
        source: At most as large along every axis.
        silent: The outputs that were there get nothing from new inputs.
    """
    if target.ndim > 1 and silent:
        target[: len(source)] = 0
    target[tuple(slice(size) for size in source.shape)] = source


def fits(source: Tensor, target: Tensor) -> bool:
    """Whether `fill` can copy one into the other."""
    return source.ndim == target.ndim and all(a <= b for a, b in zip(source.shape, target.shape, strict=True))


def rows_by_name(wanted: Sequence[str], names: Sequence[str], nearest: Callable[[int], int]) -> list[int]:
    """The style of an earlier CIN model that each new style starts from.

    Args:
        wanted: Names of the new styles.
        names: Those of the model.
        nearest: Index of a new style → index of the model's style whose pictures are nearest to it.

    Returns:
        For every wanted name the index of that name, else of the same painting at another stroke size, else the
        nearest.
    """
    names, stems = list(names), [name.partition("--")[0] for name in names]
    rows = []
    for place, name in enumerate(wanted):
        stem = name.partition("--")[0]
        if name in names:
            rows.append(names.index(name))
        else:
            rows.append(stems.index(stem) if stem in stems else nearest(place))
    return rows


def _other_options(network: nn.Module, model: StyleModel) -> list[str]:
    """Names of options in which the two compute differently."""
    mine, theirs = _options(network), _options(model.network)
    names = sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name))
    return names if model.spec.normalization == InputNormalization() else [*names, "normalization"]


def _options(network: nn.Module) -> dict[str, Any]:
    config: Any = getattr(network, "config", None)
    return {} if config is None else {k: v for k, v in asdict(config).items() if k not in MAY_DIFFER}
