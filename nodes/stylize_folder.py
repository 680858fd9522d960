"""Stylize Folder: every picture of a folder, one after the other, resumable."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from . import _folder_run, _types
from ._hosted_model import HostedModel


class StylizeFolder(io.ComfyNode):
    """Face of core.pictures.folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkStylizeFolder",
            display_name="Stylize Folder (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Paints every picture of a folder into another one. Names, EXIF and colour profiles are kept. "
                "Cancel at any time: the next run goes on where this one was."
            ),
            search_aliases=["batch", "folder", "directory", "bulk style transfer", "many images"],
            inputs=[
                _types.style_model_input(),
                io.String.Input(
                    "input_folder",
                    default="",
                    placeholder="name of a folder inside ComfyUI/input",
                    tooltip="Folder inside ComfyUI's input (or output) folder. Empty: the input folder itself.",
                ),
                io.String.Input(
                    "output_folder",
                    default="brushwork/folder",
                    tooltip="Folder inside ComfyUI's output folder. Made where it is missing.",
                ),
                io.String.Input(
                    "style",
                    default="",
                    tooltip="Name or number (from 0) of one of the model's styles; empty: the first.",
                ),
                _types.strength_input(),
                _types.preserve_color_input(),
                io.Combo.Input(
                    "format",
                    options=_folder_run.FORMATS,
                    default=_folder_run.FORMATS[0],
                    tooltip="Of the paintings. as the photo keeps JPEG, PNG, WebP and TIFF; all else becomes PNG.",
                ),
                io.Combo.Input(
                    "existing",
                    options=_folder_run.EXISTING,
                    default=_folder_run.EXISTING[0],
                    tooltip=(
                        "resume: skip what is already painted with these settings; files that are not ours stay. "
                        "replace: paint everything again."
                    ),
                ),
                io.Boolean.Input(
                    "subfolders",
                    default=False,
                    tooltip="On: also the pictures in folders below, which keep their place.",
                ),
                _types.precision_input(),
                io.Image.Input(
                    "style_image",
                    optional=True,
                    tooltip="For any-style models: the picture whose style is wanted.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="folder", tooltip="Where the paintings are."),
                io.String.Output(display_name="report", tooltip="How many were painted, kept, and failed, and why."),
            ],
            is_output_node=True,
            not_idempotent=True,
        )

    @classmethod
    def execute(cls, style_model: HostedModel, style: str, style_image: Any = None, **options: Any) -> io.NodeOutput:
        """Paint what is not painted yet."""
        folder, report = _folder_run.run(style_model, style, style_image, **options)
        return io.NodeOutput(str(folder), str(report), ui=ui.PreviewText(f"{folder}\n{report}"))
