"""The inputs that the training nodes share, so that their words and ranges never drift apart."""

from __future__ import annotations

from comfy_api.latest import io

from ..core.losses.statistics import STATISTICS
from ..trainers.args import CONTENTS, TrainArgs
from . import _library, _types


def photos_input() -> io.Input:
    """Content photos from a wire."""
    return io.Image.Input(
        "photos",
        optional=True,
        tooltip=(
            "Ordinary photos to learn on, as one batch: the more and the more varied, the better it paints others. "
            "When this is wired, photo_folder is not used."
        ),
    )


def learning_inputs(filename: str) -> list[io.Input]:
    """Photos from a folder, place, length and look: what everybody sets.

    Args:
        filename: The default.
    """
    return [
        io.String.Input(
            "photo_folder",
            default="",
            tooltip=(
                "Folder of ordinary photos, searched with its subfolders; a few hundred are enough. A name means a "
                "folder in ComfyUI's input (or datasets) folder, a full path any other."
            ),
        ),
        io.String.Input(
            "filename",
            default=filename,
            tooltip=(
                "Name in models/style_transfer, without .safetensors. Folders work: mine/candy. A file that exists "
                "is kept: the new one gets a number behind its name."
            ),
        ),
        io.Float.Input(
            "minutes",
            default=5.0,
            min=0.1,
            max=1440.0,
            step=0.5,
            tooltip="Length of the training, with all resumed parts. Not used when steps is above 0.",
        ),
        io.Int.Input(
            "steps",
            default=0,
            min=0,
            max=1_000_000,
            tooltip="Length in steps, for runs that can be repeated exactly. 0: minutes decides.",
        ),
        io.Float.Input(
            "strength",
            default=1.0,
            min=0.2,
            max=3.0,
            step=0.05,
            tooltip=(
                "Higher gives more painting, lower keeps more of the photo. It sets how far from the photo the "
                "training goes, and means the same for every painting."
            ),
        ),
        io.Float.Input(
            "stroke_size",
            default=1.0,
            min=0.25,
            max=4.0,
            step=0.05,
            tooltip=(
                "Size of the strokes: the painting is learned at a short side of 256 px times this, so 2 "
                "(512 px) gives coarse strokes and 0.5 (128 px) fine ones."
            ),
        ),
        io.Combo.Input(
            "encoder",
            options=_library.encoder_choices(),
            tooltip=(
                "The network that judges style and content. compact comes with Brushwork and is the fastest. Those "
                "ending in (hub) are downloaded on first use; others are files in models/style_transfer."
            ),
        ),
        io.Boolean.Input(
            "resume",
            default=False,
            tooltip=(
                "On: goes on with the last run of this filename, cancelled or finished (make minutes longer then). "
                "Off: a new run."
            ),
        ),
    ]


def advanced_inputs(learning_rate: float = TrainArgs.learning_rate) -> list[io.Input]:
    """The knobs of the loop, for those who compare.

    Args:
        learning_rate: The default.
    """
    return [
        io.Float.Input(
            "learning_rate",
            default=learning_rate,
            min=0.00001,
            max=0.1,
            step=0.0001,
            round=0.00001,
            advanced=True,
            tooltip="Peak of the learning rate; it falls along a cosine.",
        ),
        io.Int.Input(
            "crop_size",
            default=TrainArgs.size_px,
            min=64,
            max=1024,
            step=16,
            advanced=True,
            tooltip="Side of the square pieces of photos that are learned on, in pixels. Time grows with its square.",
        ),
        io.Int.Input(
            "batch",
            default=TrainArgs.batch,
            min=1,
            max=64,
            advanced=True,
            tooltip="Photos per step. More is steadier and slower.",
        ),
        io.Combo.Input(
            "statistic",
            options=list(STATISTICS),
            default=TrainArgs.statistic,
            advanced=True,
            tooltip=(
                "What counts as style. gram: which features come together, the classic. mean-std: how strong each "
                "is. covariance: gram without the means. mrf: patches that look like patches of the painting, slow."
            ),
        ),
        io.Combo.Input(
            "content",
            options=list(CONTENTS),
            default=TrainArgs.content,
            advanced=True,
            tooltip="What is kept of the photo. perceptual: its shapes. pixel: also its colours.",
        ),
        io.Float.Input(
            "tv_weight",
            default=TrainArgs.tv_weight,
            min=0.0,
            max=100.0,
            step=0.01,
            advanced=True,
            tooltip="Total variation: above 0 smooths fine grain away, and detail with it.",
        ),
        io.Int.Input(
            "training_seed",
            default=TrainArgs.seed,
            min=0,
            max=2**31 - 1,
            advanced=True,
            tooltip="Start of all chance: first weights, order of the photos, pieces of them.",
        ),
    ]


def style_layers_input() -> io.Input:
    """Loss weights layer by layer."""
    return io.String.Input(
        "style_layers",
        default="",
        optional=True,
        advanced=True,
        tooltip=(
            "Layers of the style loss and their weights, as in relu1_1=1 relu3_1=2. Shallow layers are colours and "
            "grain, deep ones motifs. Empty: relu1_1 to relu5_1 alike."
        ),
    )


def training_outputs() -> list[io.Output]:
    """What a training gives."""
    return [
        _types.StyleModelType.Output(display_name="style_model", tooltip="The trained model, for a stylizing node."),
        io.Image.Output(display_name="preview", tooltip="Photos, one a row, and what the model makes of them."),
        io.Image.Output(display_name="loss_curve", tooltip="Losses over the steps; the axis is logarithmic."),
        io.String.Output(display_name="filename", tooltip="Name in models/style_transfer, as the lists show it."),
    ]
