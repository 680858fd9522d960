"""Train Style Model: paintings become a network that paints."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..trainers.args import METHODS, UPSAMPLINGS, TrainArgs
from . import _training, _training_inputs, _training_job, _types
from ._hosted_model import HostedModel


class TrainStyleModel(io.ComfyNode):
    """Face of trainers.loop for all methods."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        picture = io.Image.Input(
            "style_image",
            tooltip="A painting, or a batch of them. A new slot appears when this one is wired: sizes may differ.",
        )
        return io.Schema(
            node_id="BrushworkTrainStyleModel",
            display_name="Train Style Model (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Trains a network on one or more paintings in minutes, with a live preview, and saves it in "
                "models/style_transfer. Cancel keeps what was learned; resume goes on."
            ),
            search_aliases=["training", "learn style", "fast neural style", "fine-tune", "style trainer", "Johnson"],
            inputs=[
                io.Autogrow.Input(
                    "style_images",
                    template=io.Autogrow.TemplatePrefix(picture, prefix="style_image", min=1, max=_types.MAX_LAYERS),
                    tooltip="The paintings to learn. Every picture of a batch is one.",
                ),
                _training_inputs.photos_input(),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="in",
                    tooltip=(
                        "in: one painting, sharpest. cin: several paintings in one model, to mix, and to add more "
                        "later. vanilla: one painting, batch norm. comatch, adain: models for any picture; they learn "
                        "from many paintings and take longer."
                    ),
                ),
                *_training_inputs.learning_inputs("my-style"),
                io.String.Input(
                    "style_names",
                    default="",
                    tooltip=(
                        "Names of the styles, divided by commas, in the order of the pictures. Empty: the filename, "
                        "with numbers where there are several."
                    ),
                ),
                io.String.Input(
                    "style_folder",
                    default="",
                    advanced=True,
                    tooltip=(
                        "For comatch and adain: a folder of more paintings, found like photo_folder. They need "
                        "dozens, better hundreds, to paint in styles that they never saw."
                    ),
                ),
                io.Combo.Input(
                    "network",
                    options=list(_training_job.NETWORKS),
                    default=_training_job.DEFAULT_NETWORK,
                    advanced=True,
                    tooltip="Channels of the network. Larger ones learn and paint slower, with finer detail.",
                ),
                io.Combo.Input(
                    "upsampling",
                    options=list(UPSAMPLINGS),
                    default=TrainArgs.upsampling,
                    advanced=True,
                    tooltip="nearest is cleanest. transposed is the original's, and may leave a checkerboard.",
                ),
                *_training_inputs.advanced_inputs(),
                _types.StyleModelType.Input(
                    "start_from",
                    optional=True,
                    tooltip=(
                        "A model to start from instead of random weights, with the same network or a narrower one and "
                        "the same upsampling: the new painting is learned much sooner. in, vanilla and cin start from "
                        "one another; cin-starter suits them all."
                    ),
                ),
                _training_inputs.style_layers_input(),
            ],
            outputs=_training_inputs.training_outputs(),
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        style_images: dict[str, Any],
        photos: Any = None,
        start_from: HostedModel | None = None,
        **widgets: Any,
    ) -> io.NodeOutput:
        """Train, save, show."""
        styles = _training_job.named_pictures(style_images, widgets)
        job = _training_job.new_model(widgets, start_from.model if start_from is not None else None)
        return _training.train(job, styles, photos, widgets, cls.hidden.unique_id)
