"""One module per container; each has `matches(path, head)` and `read(path)`. The first match reads."""

from . import coreml, folder, onnx, raw_folder, safetensors_file, t7, tensorflow, torch_file

READERS = (
    safetensors_file,
    torch_file,
    onnx,
    t7,
    tensorflow,
    coreml,
    raw_folder,
    folder,
)
