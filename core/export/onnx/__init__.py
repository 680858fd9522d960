"""Our networks as ONNX graphs, written from their modules; needs neither `onnx` nor torch's exporters."""

from .model import OPSET, encoder_to_onnx, model_to_onnx

__all__ = ["OPSET", "encoder_to_onnx", "model_to_onnx"]
