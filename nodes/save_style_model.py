"""Save Style Model: any loaded model as one self-describing .safetensors file."""

from __future__ import annotations

import torch
from comfy_api.latest import io, ui

from . import _file_name, _host, _types
from ._hosted_model import HostedModel

DTYPES = {"float16": torch.float16, "float32": torch.float32}


class SaveStyleModel(io.ComfyNode):
    """Face of core.checkpoints.save_checkpoint."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkSaveStyleModel",
            display_name="Save Style Model (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Writes a model into models/style_transfer as one .safetensors file with its style names, "
                "range and licence inside. Turns community files of many kinds into one safe format."
            ),
            search_aliases=["convert checkpoint", "export safetensors", "save model"],
            inputs=[
                _types.style_model_input(),
                io.String.Input(
                    "filename",
                    default="my-style",
                    tooltip="Name in models/style_transfer, without .safetensors. Folders work: mine/candy.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default="float16",
                    tooltip="float16 halves the file, invisibly to the eye. float32 keeps every bit.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Off: an existing file is kept, and the new one gets a number behind its name.",
                ),
            ],
            outputs=[io.String.Output(display_name="path", tooltip="The file that was written.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, style_model: HostedModel, filename: str, dtype: str, overwrite: bool) -> io.NodeOutput:
        """Write the file."""
        from ..core.checkpoints import save_checkpoint  # late for a quick start, as in _library

        path = _file_name.target(_host.model_folders()[0], filename, overwrite=overwrite)
        save_checkpoint(style_model.model, path, dtype=DTYPES[dtype])
        _host.log.info("saved %s", path)
        return io.NodeOutput(str(path), ui=ui.PreviewText(str(path)))
