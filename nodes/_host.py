"""The one seam to ComfyUI: folders, devices, model memory, progress, interrupts, picture conversion."""

from __future__ import annotations

import gc
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from torch import Tensor, nn

from ..core.errors import BrushworkError, ImageError
from ..core.hub.local import MODEL_SUFFIXES
from ..core.images import from_bhwc, to_bhwc
from ..core.inference import memory
from . import _settings

log = logging.getLogger("brushwork.nodes")

MODEL_FOLDER = "style_transfer"
"""Name in `folder_paths`, and so in extra_model_paths.yaml. `style_models` belongs to ComfyUI itself."""

MODELS_CHANGED = "brushwork.models_changed"
"""Message on which web/js/model_list.js reads the lists anew."""

PREVIEW_SIDE_PX = 512
PARTS_EVERY_S = 0.2
PREVIEW_EVERY_S = 0.25


def register_model_folder() -> None:
    """Make `models/style_transfer` known; folders that extra_model_paths.yaml added before stay first."""
    folder_paths.add_model_folder_path(MODEL_FOLDER, str(Path(folder_paths.models_dir) / MODEL_FOLDER))
    paths, _ = folder_paths.folder_names_and_paths[MODEL_FOLDER]
    folder_paths.folder_names_and_paths[MODEL_FOLDER] = (
        paths,
        {Path(suffix).suffix for suffix in MODEL_SUFFIXES},
    )


def model_folders() -> list[Path]:
    """Where local models are looked for, the settings' folders last; downloads and saved models go into the first."""
    own = [Path(path) for path in folder_paths.get_folder_paths(MODEL_FOLDER)]
    return list(dict.fromkeys([*own, *_settings.current().folders]))


def models_changed() -> None:
    """Tell open pages that there is another model file, so that their lists have it without a reload."""
    running = server()
    if running is not None:
        running.send_sync(MODELS_CHANGED, {})


def picture_roots() -> list[Path]:
    """Folders that a relative name of a picture folder is looked for in: input, and datasets where there are any."""
    known = "datasets" in folder_paths.folder_names_and_paths
    datasets = folder_paths.get_folder_paths("datasets") if known else []
    return [Path(path) for path in (folder_paths.get_input_directory(), *datasets)]


def readable_roots() -> list[Path]:
    """Folders that a workflow may read pictures from: input, output, and datasets where there are any."""
    return [*picture_roots(), output_root()]


def output_root() -> Path:
    """The folder that a workflow's results go into."""
    return Path(folder_paths.get_output_directory())


def picture_file(name: str) -> Path:
    """A picture by the name that Load Image shows, such as `folder/photo.png [output]`.

    Raises:
        ImageError: The name leads out of ComfyUI's input, output and temp folders, or there is no such file.
    """
    inside, folder = folder_paths.annotated_filepath(name)
    root = Path(folder or folder_paths.get_input_directory())
    path = root / inside
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        raise ImageError(
            f"There is no picture {name!r}.",
            expected=f"the name of a picture in {root}",
            got="no such file there",
            do="Choose the picture in Load Image again.",
        )
    return path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder in ComfyUI's temp directory, removed at the end."""
    root = Path(folder_paths.get_temp_directory())
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="brushwork-", dir=root, ignore_cleanup_errors=True) as name:
        yield Path(name)


def torch_device() -> torch.device:
    """The device that ComfyUI computes on, asked at every run: it is not known at import."""
    return mm.get_torch_device()


def manage(network: nn.Module, on_unload: Callable[[Any], None]) -> Any:
    """Hand a network to ComfyUI's memory management: it leaves the device when others need the room.

    It starts on the offload device: the bookkeeping counts a network as loaded only when it moved it itself.

    Args:
        network: Moved in place.
        on_unload: Called with what is returned when the network has left the device, so that what was computed
            with it can leave too. ComfyUI goes on using its argument, which must be kept. Versions without
            callbacks never call it.
    """
    patcher = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
    offload = mm.unet_offload_device()
    managed = patcher(network.to(offload), load_device=torch_device(), offload_device=offload)
    moments = getattr(comfy.model_patcher, "CallbacksMP", None)
    if moments is not None:
        # ComfyUI also detaches, with unpatch_all False, what it loads a second time: that stays on the device
        managed.add_callback(moments.ON_DETACH, lambda patcher, gone=True: on_unload(patcher) if gone else None)
    return managed


def make_room(patcher: Any, bytes_needed: float) -> None:
    """Bring a managed network onto the device, with `bytes_needed` beside it for activations."""
    mm.load_models_gpu([patcher], memory_required=bytes_needed, force_full_load=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is memory running out: of the device, as ComfyUI knows it, or of the processor."""
    newer = getattr(mm, "is_oom", None)
    hosts = bool(newer(error)) if newer else isinstance(error, mm.OOM_EXCEPTION)
    return hosts or memory.is_out_of_memory(error)


def free_device() -> None:
    """Take every model off the device and give the cached blocks back."""
    mm.unload_all_models()
    mm.soft_empty_cache()


def give_memory_back() -> None:
    """After a training: what nothing refers to any more goes back to the device and to the system."""
    gc.collect()
    mm.soft_empty_cache()


def out_of_memory(size: str) -> BrushworkError:
    """The message for a picture that does not fit even on an empty device."""
    return BrushworkError(
        "The device ran out of memory.",
        expected=f"room on {torch_device()} for one picture at a time",
        got=f"pictures of {size}",
        do="Use a smaller picture, set precision to fast, or start ComfyUI with --cpu.",
    )


def check_interrupt() -> None:
    """Raise ComfyUI's own exception when the user pressed cancel. It must never be caught and kept."""
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """A progress bar on the running node, callable as core wants it. Every call checks for cancel.

    Args:
        total: Steps in all; later calls may correct it.
    """

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(max(1, total))
        self._shown = 0.0
        self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total`. Raises ComfyUI's interrupt."""
        check_interrupt()
        self._bar.update_absolute(done, max(1, total))

    def part(self, done: float, total: int) -> None:
        """Show parts of a step, not more often than the eye can follow. Raises ComfyUI's interrupt."""
        check_interrupt()
        now = time.monotonic()
        if now - self._told >= PARTS_EVERY_S:
            self._told = now
            self._bar.update_absolute(round(100 * done), 100 * max(1, total))

    def show(self, done: int, total: int, picture: Tensor, side_px: int = PREVIEW_SIDE_PX) -> None:
        """Show a picture (3 or 4, H, W), 0..1, beside the numbers; not more often than the eye can follow.

        Args:
            done: Steps done.
            total: Steps in all.
            picture: On any device.
            side_px: Longest side that is sent to the page.
        """
        check_interrupt()
        now = time.monotonic()
        if now - self._shown >= PREVIEW_EVERY_S:
            self._shown = now
            self._bar.update_absolute(done, max(1, total), ("JPEG", _to_pil(picture, side_px), side_px))


class Shown(Protocol):
    """What `Progress` is to those who paint."""

    def __call__(self, done: int, total: int) -> None:
        """Done of total; raises ComfyUI's interrupt."""

    def part(self, done: float, total: int) -> None:
        """The same within a step."""

    def show(self, done: int, total: int, picture: Tensor) -> None:
        """The same with a picture (3 or 4, H, W), 0..1."""


class OnlyCancel:
    """A `Shown` for one picture among many, whose bar counts the pictures: it only looks for cancel."""

    def __call__(self, done: int, total: int) -> None:
        """Raise ComfyUI's interrupt."""
        check_interrupt()

    def part(self, done: float, total: int) -> None:
        """Raise ComfyUI's interrupt."""
        check_interrupt()

    def show(self, done: int, total: int, picture: Tensor) -> None:
        """Raise ComfyUI's interrupt."""
        check_interrupt()


def download_progress(node_id: str | None) -> Callable[[int, int], None]:
    """Progress of a download for core: the bar on the running node, and the megabytes as text."""
    bar = Progress(1)

    def downloading(done: int, total: int) -> None:
        bar(done, total)
        status(f"downloading {done / 1e6:.1f} of {total / 1e6:.1f} MB", node_id)

    return downloading


def _to_pil(picture: Tensor, side_px: int) -> Any:
    from PIL import Image

    # strided before the conversion: a preview of a 4K frame must not cost what the frame did
    step = max(1, max(picture.shape[-2:]) // side_px)
    rgb = picture[:3, ::step, ::step].float().clamp(0, 1).mul(255).round().byte().cpu()
    return Image.fromarray(rgb.movedim(0, -1).contiguous().numpy())


def status(text: str, node_id: str | None) -> None:
    """Show a line of text on a node; nothing happens where there is no server (tests, headless use)."""
    running = server()
    if running is not None and node_id is not None:
        running.send_progress_text(text, node_id)


def server() -> Any:
    """ComfyUI's server; None where there is none (tests, headless use)."""
    from server import PromptServer

    return getattr(PromptServer, "instance", None)


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """Nodes run under inference_mode, whose tensors can never be trained or saved for backward: leave it."""
    with torch.inference_mode(False):
        yield


@contextmanager
def gradients() -> Iterator[None]:
    """Ordinary tensors and gradients, which nodes are run without."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def to_core(image: Tensor) -> Tensor:
    """IMAGE (B, H, W, C) → (B, 3 or 4, H, W), float32."""
    return from_bhwc(image).float()


def to_comfy(image: Tensor, *, beyond_white: bool = False) -> Tensor:
    """(B, C, H, W) → IMAGE (B, H, W, C) on the device, and in the dtype, that ComfyUI wants between nodes.

    Clamped to 0..1, unless light `beyond_white` is wanted.
    """
    image = to_bhwc(image)
    return (image if beyond_white else image.clamp(0, 1)).to(mm.intermediate_device(), _intermediate_dtype())


def empty_image(image: Tensor) -> Tensor:
    """Room for the result of an IMAGE batch, to be filled a few pictures at a time.

    A batch can be a film: converting it as a whole would hold it in memory three times over.

    Args:
        image: (B, H, W, C).

    Returns:
        Uninitialised (B, H, W, max(C, 3)), as `to_comfy` gives it.

    Raises:
        ImageError: This is no batch of pictures.
    """
    channels = from_bhwc(image[:1]).shape[1]
    shape = (*image.shape[:3], channels)
    return torch.empty(shape, dtype=_intermediate_dtype(), device=mm.intermediate_device())


def _intermediate_dtype() -> torch.dtype:
    return mm.intermediate_dtype() if hasattr(mm, "intermediate_dtype") else torch.float32
