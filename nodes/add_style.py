"""Add Style to CIN Model: one more painting for a model that has several."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _training, _training_inputs, _training_job, _types
from ._hosted_model import HostedModel


class AddStyle(io.ComfyNode):
    """Face of trainers.add_style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkAddStyle",
            display_name="Add Style to CIN Model (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Teaches a CIN model one more painting and saves it under a new name. Only the new style's few "
                "numbers are learned: the others paint as before, bit for bit."
            ),
            search_aliases=["training", "add painting", "extend model", "conditional instance normalization"],
            inputs=[
                _types.style_model_input("A CIN model"),
                io.Image.Input(
                    "style_image", tooltip="The painting to add. A batch adds all its pictures, which share the time."
                ),
                _training_inputs.photos_input(),
                io.String.Input(
                    "style_name",
                    default="",
                    tooltip="Name of the new style in the model. Empty: the filename.",
                ),
                *_training_inputs.learning_inputs("my-styles"),
                *_training_inputs.advanced_inputs(learning_rate=0.01),
                _training_inputs.style_layers_input(),
            ],
            outputs=_training_inputs.training_outputs(),
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, style_model: HostedModel, style_image: Any, style_name: str, photos: Any = None, **widgets: Any
    ) -> io.NodeOutput:
        """Train, save, show."""
        widgets = {**widgets, "method": "cin", "style_names": style_name}
        styles = _training_job.named_pictures({"style_image": style_image}, widgets)
        job = _training_job.extension(style_model.model, styles)
        return _training.train(job, styles, photos, widgets, cls.hidden.unique_id)
