"""What a program with a screen needs around a run: pictures from memory, a line of text, a safe way to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from torch import Tensor

from ..core.checkpoints import load_checkpoint
from ..core.errors import ImageError, TrainingError
from .args import RunArgs
from .data import picture_files, read_rgb
from .loop import Progress
from .state import state_path
from .task import StyleTask


def write_pictures(
    pictures: Iterable[Tensor], folder: Path, names: Sequence[str], each: Callable[[], None] = lambda: None
) -> tuple[Path, ...]:
    """Pictures as files, since a run reads files: PNG, 8 bits, nothing lost beyond the rounding.

    Args:
        pictures: (3, H, W) each, 0..1, any device; as many as `names`.
        folder: Where to; made if it is missing.
        names: File stems.
        each: Called before every picture; may raise to interrupt.

    Returns:
        The paths, in the order of `names`.
    """
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture, name in zip(pictures, names, strict=True):
        each()
        array = picture.detach().clamp(0, 1).mul(255).round().byte().cpu().movedim(0, -1).contiguous().numpy()
        paths.append(folder / f"{name}.png")
        Image.fromarray(array).save(paths[-1], "PNG", compress_level=1)
    return tuple(paths)


def readable_pictures(sources: Path | Sequence[Path], count: int) -> list[Path]:
    """The first `count` pictures of folders and files that can be read, in the order of their names."""
    found: list[Path] = []
    for path in picture_files(sources):
        if len(found) == count:
            break
        try:
            read_rgb(path, 64)
        except ImageError:
            continue
        found.append(path)
    return found


def check_same_styles(styles: StyleTask, out: Path) -> None:
    """Refuse to go on with a run that learned other paintings: its weights would silently become a mixture.

    Args:
        styles: The task that would go on.
        out: Its model file, as the run before left it; nothing is checked where that or its state is missing.

    Raises:
        TrainingError: A painting, its name or its stroke size is not the one of the run before.
    """
    if not (out.exists() and state_path(out).exists()):
        return
    before = {style.name: style.thumbnail for style in load_checkpoint(out).spec.styles}
    described = getattr(styles, "styles", tuple)()  # any-style tasks have none: their paintings are mere data
    changed = [style.name for style in described if before.get(style.name) != style.thumbnail]
    if changed:
        raise TrainingError(
            f"{out.name} was trained on other styles and cannot be resumed with these.",
            expected=f"the same pictures, in the same order and stroke size, named {', '.join(before)}",
            got=f"other pictures or another stroke size for {', '.join(changed)}",
            do="Switch resume off to train a new model, or give the pictures as before.",
        )


def status_line(progress: Progress, args: RunArgs) -> str:
    """Step, losses and time left, short enough for one line under a bar."""
    losses = progress.losses
    return (
        f"step {progress.step} · style {losses.style:.3f} · content {losses.content:.3f} · "
        f"{duration(seconds_left(progress, args))} left"
    )


def seconds_left(progress: Progress, args: RunArgs) -> float:
    """Seconds to the end of the run, at the pace so far."""
    if args.minutes is not None:
        return max(0.0, 60 * args.minutes - progress.seconds)
    return progress.seconds / max(1, progress.step) * max(0, (args.steps or 0) - progress.step)


def duration(seconds: float) -> str:
    """As people say it: 40 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
