"""The export desk: models as ONNX, TorchScript or ExportedProgram, each checked against the network it came from."""

from .export import FORMATS, export_model
from .parity import DEFAULT_SIZES
from .plan import ExportPlan, StyleInput, plan_export
from .report import ExportReport, ParityCheck

__all__ = [
    "DEFAULT_SIZES",
    "FORMATS",
    "ExportPlan",
    "ExportReport",
    "ParityCheck",
    "StyleInput",
    "export_model",
    "plan_export",
]
