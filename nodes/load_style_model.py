"""Load Style Model: a name from the list becomes a model on the wire."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _host, _library, _types


class LoadStyleModel(io.ComfyNode):
    """Face of core.hub and core.checkpoints."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkLoadStyleModel",
            display_name="Load Style Model (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Loads a style transfer network: one that comes with Brushwork, a file in "
                "models/style_transfer, or one from the Hugging Face Hub, which is downloaded on first use."
            ),
            search_aliases=[
                "style transfer model",
                "checkpoint",
                "neural style",
                "fast style",
                "AdaIN",
                "CIN",
            ],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=_library.model_choices(),
                    tooltip=(
                        "Models that come with Brushwork, files in models/style_transfer, and titles of the "
                        "Hub. Those ending in (hub) are downloaded when the node first runs, and kept."
                    ),
                ),
                io.Combo.Input(
                    "companion",
                    options=_library.companion_choices(),
                    default=_library.AUTOMATIC,
                    advanced=True,
                    tooltip=(
                        "The second file of a model that comes in two, such as the VGG encoder of an AdaIN "
                        "decoder. automatic is right for all that is in one file or known to Brushwork."
                    ),
                ),
            ],
            outputs=[
                _types.StyleModelType.Output(display_name="style_model", tooltip="Wire it into a stylizing node."),
                io.String.Output(
                    display_name="style_names",
                    is_output_list=True,
                    tooltip="Its styles, as a list: wired into style of Stylize, it paints them all.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, model: str, companion: str) -> Any:
        """Load again when a file has changed."""
        return _library.fingerprint(model, companion)

    @classmethod
    def execute(cls, model: str, companion: str) -> io.NodeOutput:
        """Find, download where needed, load."""
        hosted = _library.load(model, companion, _host.download_progress(cls.hidden.unique_id))
        # A list output without entries would silently skip everything behind it.
        return io.NodeOutput(hosted, list(hosted.model.spec.style_names) or [""])
