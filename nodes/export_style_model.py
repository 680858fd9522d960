"""Export Style Model: a model for programs without Brushwork, with a report that it paints the same there."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from . import _file_name, _host, _types
from ._hosted_model import HostedModel
from ._selection import style_from_text, style_picture

SUFFIXES = {"onnx": ".onnx", "torchscript": ".ts", "pt2": ".pt2"}
STYLE_INPUTS = ("auto", "none", "weights", "picture", "features")


class ExportStyleModel(io.ComfyNode):
    """Face of core.export."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkExportStyleModel",
            display_name="Export Style Model (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Writes a model as ONNX, TorchScript or ExportedProgram into the output folder, runs the file at "
                "several sizes, and reports how far its pictures are from the model's. A file that differs by more "
                "than 1/255 is not kept."
            ),
            search_aliases=["onnx", "torchscript", "pt2", "torch.export", "convert model", "deploy", "mobile"],
            inputs=[
                _types.style_model_input(),
                io.String.Input(
                    "filename",
                    default="my-style",
                    tooltip="Name in the output folder, without suffix. Folders work: models/candy.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(SUFFIXES),
                    default="onnx",
                    tooltip=(
                        "onnx: for ONNX Runtime and most other engines. torchscript: .ts, for torch.jit.load and "
                        "libtorch. pt2: torch.export's ExportedProgram."
                    ),
                ),
                io.String.Input(
                    "style",
                    default="",
                    tooltip=(
                        "Bakes one of the model's styles in, by name or number. Empty: all of them, and the file "
                        "takes a weight for each."
                    ),
                ),
                io.Combo.Input(
                    "style_input",
                    options=list(STYLE_INPUTS),
                    default="auto",
                    advanced=True,
                    tooltip=(
                        "What the file takes beside the photo. none: nothing. weights: one for every style. picture: "
                        "a style picture. features: what a second file, the style encoder, makes of one. auto: none "
                        "where a style is baked in, else weights or picture."
                    ),
                ),
                io.Boolean.Input(
                    "check",
                    default=True,
                    advanced=True,
                    tooltip="Run the file and compare. ONNX needs the Python package onnxruntime for that.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Off: an existing file is kept, and the new one gets a number behind its name.",
                ),
                io.Image.Input(
                    "style_image", optional=True, tooltip="For any-style models: bakes in the style of this picture."
                ),
            ],
            outputs=[
                io.String.Output(display_name="report", tooltip="Inputs, sizes and differences, as text."),
                io.String.Output(display_name="path", tooltip="The file that was written."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, style_model: HostedModel, filename: str, format: str, style_image: Any = None, **widgets: Any
    ) -> io.NodeOutput:
        """Write, run, compare."""
        from .. import __version__
        from ..core.export import export_model  # late for a quick start

        shown_on, suffix = cls.hidden.unique_id, SUFFIXES[format]
        path = _file_name.target(_host.output_root(), filename, overwrite=widgets["overwrite"], suffix=suffix)

        def tell(text: str) -> None:
            _host.check_interrupt()
            _host.status(text, shown_on)

        with _host.ordinary_tensors():
            picture = None if style_image is None else style_picture(style_image[:1]).clone()
            report = export_model(
                style_model.model,
                path,
                style=style_from_text(widgets["style"], style_model.model) if picture is None else picture,
                style_input=widgets["style_input"],
                check=widgets["check"],
                version=__version__,
                status=tell,
            )
        return io.NodeOutput(report.to_text(), str(path), ui=ui.PreviewText(report.to_text()))
