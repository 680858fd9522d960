"""One module per container; each has `matches(path, head)` and `read(path)`. The first match reads."""

from . import safetensors_file, torch_file, torch_folder

READERS = (
    safetensors_file,
    torch_file,
    torch_folder,
)
