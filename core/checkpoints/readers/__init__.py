"""One module per container; each has `matches(path, head)` and `read(path)`. The first match reads."""

from . import folder, safetensors_file, torch_file

READERS = (
    safetensors_file,
    torch_file,
    folder,
)
