"""A training run inside a node: pictures from wires, progress and preview on the node, cancel that keeps the work."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui
from torch import Tensor

from ..core.errors import ConfigError, TrainingError
from ..trainers.args import ANY_STYLE, TrainArgs
from . import _file_name, _host, _library
from ._photo_folder import find_folder
from ._training_job import Job, Styles, pictures

if TYPE_CHECKING:  # at run time the trainers are imported late, as the readers are in _library: for a quick start
    from ..trainers.loop import Progress
    from ..trainers.report import PreviewStrip

PREVIEW_PHOTOS = 2
PREVIEW_SIDE_PX = 1024
PREVIEW_EVERY_S = 5.0
PREVIEW_SHARE = 20
"""Between two previews pass at least this many times the seconds that one takes."""


def train(job: Job, styles: Styles, photos: Tensor | None, widgets: Mapping[str, Any], node_id: str) -> io.NodeOutput:
    """Train, save into models/style_transfer, and give what the training nodes give.

    Args:
        job: What is trained.
        styles: The paintings.
        photos: IMAGE (B, H, W, C); None: those of `photo_folder`.
        widgets: Values of the node's inputs by name.
        node_id: Where progress is shown.

    Raises:
        BrushworkError: Bad input, explained.
        BaseException: ComfyUI's interrupt, after what was learned was saved.
    """
    _host.free_device()
    try:
        with _host.temporary_folder() as folder, _host.gradients():
            return _train(job, styles, photos, widgets, node_id, folder)
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # they hold network and optimizer as long as the error lives
        if _host.is_out_of_memory(error):
            raise _out_of_memory(widgets) from error
        raise
    finally:
        _host.give_memory_back()


def _train(
    job: Job, styles: Styles, photos: Tensor | None, widgets: Mapping[str, Any], node_id: str, folder: Path
) -> io.NodeOutput:
    from ..trainers.data import read_rgb
    from ..trainers.loop import run
    from ..trainers.loss_curve import loss_curve
    from ..trainers.report import JsonLines, PreviewStrip
    from ..trainers.session import check_same_styles, readable_pictures, write_pictures

    root, resume = _host.model_folders()[0], widgets["resume"]
    before = _file_name.latest_run(root, widgets["filename"]) if resume else None
    out = before or _file_name.target(root, widgets["filename"], overwrite=False)
    _host.status("preparing the pictures", node_id)
    paintings = write_pictures(styles.values(), folder / "styles", list(styles), _host.check_interrupt)
    if photos is None:
        photo_folder = _photo_folder(widgets["photo_folder"])
    else:
        photo_folder = folder / "photos"
        numbers = [f"{number:06}" for number in range(len(photos))]
        write_pictures(pictures(photos), photo_folder, numbers, _host.check_interrupt)
    encoder = _library.encoder_file(widgets["encoder"], _Download(node_id))
    args = _arguments(widgets, job, out, photo_folder, (*paintings, *job.style_folders), encoder)
    _host.status("looking at the paintings", node_id)
    task = job.make(args, folder)
    if resume:
        check_same_styles(task, out)
    shown = readable_pictures(photo_folder, PREVIEW_PHOTOS)
    any_style = args.method in ANY_STYLE
    strip = PreviewStrip(
        task,
        folder / "preview.png",
        shown,
        args.size_px,
        paintings if any_style else (),
        PREVIEW_EVERY_S,
        () if any_style else tuple(styles),
    )
    log = JsonLines(out.with_suffix(".log.jsonl"), append=before is not None)
    name = out.relative_to(root).as_posix()
    try:
        run(task, args, resume=resume, callbacks=(log, _Watcher(args, strip, node_id)))
    except BaseException:
        if out.exists():
            _host.status(f"stopped; {name} keeps what was learned, and resume goes on with it", node_id)
            _host.log.info("training stopped; kept %s", out)
        raise
    finally:
        if out.exists():
            _host.models_changed()
    _host.log.info("trained %s", out)
    _host.status(f"saved as {name}", node_id)
    hosted = _library.load(str(out), _library.AUTOMATIC, _Download(node_id))
    strip.draw(hosted.model)
    curve = folder / "curve.png"
    loss_curve(log.path).save(curve)
    preview = _host.to_comfy(read_rgb(strip.path))
    return io.NodeOutput(hosted, preview, _host.to_comfy(read_rgb(curve)), name, ui=ui.PreviewImage(preview))


def _arguments(
    widgets: Mapping[str, Any], job: Job, out: Path, photos: Path, styles: Sequence[Path], encoder: Path
) -> TrainArgs:
    """The widgets in the trainer's own words."""
    from ..core.inference.device import bf16_is_fast
    from ..trainers.layer_weights import parse_layer_weights

    layers = parse_layer_weights(widgets.get("style_layers", "").replace(",", " ").split())
    steps, device = widgets["steps"] or None, _host.torch_device()
    return TrainArgs(
        method=widgets["method"],
        out=out,
        photos=photos,
        styles=tuple(styles),
        encoder=(encoder,),
        steps=steps,
        minutes=None if steps else widgets["minutes"],
        content_target=TrainArgs.content_target * widgets["strength"],
        style_size_px=round(TrainArgs.style_size_px * widgets["stroke_size"]),
        size_px=widgets["crop_size"],
        batch=widgets["batch"],
        learning_rate=widgets["learning_rate"],
        statistic=widgets["statistic"],
        content=widgets["content"],
        tv_weight=widgets["tv_weight"],
        seed=widgets["training_seed"],
        device=str(device),
        bf16=bf16_is_fast(device),
        **({"style_layers": layers} if layers else {}),
        **job.options,
    )


def _out_of_memory(widgets: Mapping[str, Any]) -> TrainingError:
    return TrainingError(
        "The device ran out of memory in training.",
        expected=f"room on {_host.torch_device()} for a step",
        got=f"batch {widgets['batch']}, crop_size {widgets['crop_size']}, network and encoder as chosen",
        do="Use a smaller batch, crop_size or network, or the compact encoder.",
    )


def _photo_folder(text: str) -> Path:
    if not text.strip():
        raise ConfigError(
            "There are no photos to learn on.",
            expected="photos wired into `photos`, or the name of a folder in `photo_folder`",
            got="neither",
            do="Wire photos, or put a few hundred into a folder of ComfyUI's input folder and type its name.",
        )
    return find_folder(text, _host.picture_roots(), "photo_folder")


class _Download:
    """Progress of a download on the node."""

    def __init__(self, node_id: str) -> None:
        self._node_id, self._bar = node_id, _host.Progress(1)

    def __call__(self, done: int, total: int) -> None:
        self._bar(done, total)
        _host.status(f"downloading {done / 1e6:.1f} of {total / 1e6:.1f} MB", self._node_id)


class _Watcher:
    """Callback of the loop: cancel after every step, numbers once a second, the strip when it was drawn anew.

    Args:
        args: For the length of the run.
        strip: Drawn here, and slowed down where drawing takes long.
        node_id: Where the text is shown.
    """

    def __init__(self, args: TrainArgs, strip: PreviewStrip, node_id: str) -> None:
        self._args, self._strip, self._node_id = args, strip, node_id
        self._bar, self._told = _host.Progress(1), 0.0

    def __call__(self, progress: Progress) -> None:
        from ..trainers.data import read_rgb
        from ..trainers.session import status_line

        _host.check_interrupt()
        began, drawn = time.monotonic(), self._strip.drawn
        if self._args.steps is not None:
            done, total = progress.step, self._args.steps
        else:
            done, total = round(1000 * min(1.0, progress.fraction)), 1000
        if began - self._told >= 1 or progress.fraction >= 1:
            self._told = began
            self._bar(done, total)
            _host.status(status_line(progress, self._args), self._node_id)
        self._strip(progress)
        if self._strip.drawn != drawn:
            self._bar.show(done, total, read_rgb(self._strip.path)[0], PREVIEW_SIDE_PX)
            self._strip.every_s = max(PREVIEW_EVERY_S, PREVIEW_SHARE * (time.monotonic() - began))
