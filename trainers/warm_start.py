"""Start from an earlier network of the same shape: what it knows of photos and strokes need not be learned again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.checkpoints import load_checkpoint
from ..core.errors import TrainingError
from ..core.normalization import InputNormalization
from ..core.spec import IDENTITY
from ..core.style_model import StyleModel
from .add_style import style_rows
from .task import StyleTask

MAY_DIFFER = ("styles", "norm")
"""Of a network's configuration: the affine parameters of the three normalizations mean the same."""


def warm_start(task: StyleTask, path: Path) -> None:
    """Take over the weights of a model file, in place.

    Networks with and without styles of their own start from one another: γ and β come from the style of the same name
    where the file has it, otherwise from the mean of the file's paintings.

    Args:
        task: Its network, freshly built.
        path: A file that `load_checkpoint` reads.

    Raises:
        TrainingError: The file holds a network of another shape.
        BrushworkError: The file cannot be read.
    """
    model, network = load_checkpoint(path), task.network
    styles = [style.name for style in getattr(task, "styles", tuple)()]
    weights = _with_rows(model, styles if style_rows(network) else [])
    state = network.state_dict()
    needed = {name: tensor.shape for name, tensor in network.named_parameters()}
    wrong = [name for name, shape in needed.items() if name not in weights or weights[name].shape != shape]
    wrong += sorted(set(weights) - set(state))
    wrong += _other_options(network, model)
    if wrong:
        raise TrainingError(
            f"Training cannot start from {path.name}: its network is another one.",
            expected=f"a network like the one that is trained, with its `{wrong[0]}`",
            got=f"{model.spec.architecture} that differs in {len(wrong)} places",
            do="Give the method, widths, blocks and upsampling of that file; `brushwork inspect` shows them.",
        )
    network.load_state_dict({**state, **weights})


def _with_rows(model: StyleModel, styles: list[str]) -> dict[str, Tensor]:
    """The model's weights with a row for each of `styles` in every γ and β; a single vector where there are none."""
    weights = {name: tensor.float() for name, tensor in model.network.state_dict().items()}
    rows, names = style_rows(model.network), model.spec.style_names
    paintings = [i for i, name in enumerate(names) if name != IDENTITY]
    for name, tensor in weights.items():
        if name in rows:
            mean = tensor[paintings].mean(0)
            own = [tensor[names.index(style)] if style in names else mean for style in styles]
            weights[name] = torch.stack(own) if styles else mean
        elif styles and ".norm." in name:
            weights[name] = tensor.expand(len(styles), -1)
    return weights


def _other_options(network: nn.Module, model: StyleModel) -> list[str]:
    """Names of options in which the two compute differently."""
    mine, theirs = _options(network), _options(model.network)
    names = sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name))
    return names if model.spec.normalization == InputNormalization() else [*names, "normalization"]


def _options(network: nn.Module) -> dict[str, Any]:
    config: Any = getattr(network, "config", None)
    return {} if config is None else {k: v for k, v in asdict(config).items() if k not in MAY_DIFFER}
