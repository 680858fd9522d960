"""From picture files to picture files: the next is read and the last is written while one is painted."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.inference import Stylizer
    from ..core.inference.stream import Painting
    from ..core.pictures import Picture

BAR = "{percentage:3.0f}% |{bar}| {n:.2f} of {total} pictures, {elapsed}, {remaining} left"

Job = tuple[Path, Path]
"""Photo and painting."""


@dataclass
class FileRun:
    """One command's pictures on their way.

    Args:
        stylizer: The model.
        painting: How.
        args: The command's options: size, linear, quality.
    """

    stylizer: Stylizer
    painting: Painting
    args: argparse.Namespace
    done: int = 0
    """Pictures."""
    bar: Any = None
    """Counts pictures."""

    def paint_all(self, plan: dict[Path, Path]) -> int:
        """Paint one after the other; a bad picture is reported and counted, everything else ends the run.

        Returns:
            How many pictures were bad.
        """
        from tqdm import tqdm

        from ..core.errors import ImageError
        from ..core.overlap import overlapped

        failures = 0
        # appears only on a terminal, and only for work of more than two seconds
        with tqdm(total=len(plan), unit="picture", bar_format=BAR, file=sys.stderr, disable=None, delay=2) as self.bar:
            steps = overlapped(plan.items(), self._load, self._work, self._store, forgive=ImageError)
            with contextlib.closing(steps):
                for (_, target), outcome in steps:
                    failures += isinstance(outcome, Exception)
                    shown = (str(outcome), sys.stderr) if isinstance(outcome, Exception) else (str(target), sys.stdout)
                    self.bar.write(shown[0], file=shown[1])
                self._show(len(plan))
        return failures

    def _show(self, done: float) -> None:
        """Move the bar to where the work is, in hundredths."""
        self.bar.update(round(done, 2) - self.bar.n)

    def _load(self, job: Job) -> Picture | None:
        """The photo; None where it is so large that it is painted by rows."""
        from ..core.images import shrink_longer_side
        from ..core.inference.stream_file import is_large
        from ..core.pictures import read_picture

        path, target = job
        args = self.args
        if args.size is None and not args.linear and is_large(path, self.stylizer):
            return None
        picture = read_picture(path)
        if args.linear or picture.linear:
            # what was given as light in display formats goes back as light, without a conversion on the way
            picture = replace(picture, linear=picture.linear or target.suffix.lower() == ".exr")
        if args.size is None:
            return picture
        light = args.linear or picture.linear
        return replace(picture, image=shrink_longer_side(picture.image, args.size, light=light))

    def _work(self, job: Job, picture: Picture | None) -> Picture | None:
        """The painting; None where it is written already."""
        from ..core.inference.stream_file import stream_file
        from ..core.pictures import read_picture

        path, target = job
        try:
            if picture is None:
                whole = stream_file(
                    self.stylizer, path, target, self.painting, quality=self.args.quality, on_strip=self._on_strip
                )
                if not whole:
                    return None
                self.bar.write(f"{path} is painted as a whole, not by rows: {whole}.", file=sys.stderr)
                picture = read_picture(path)
            return self._painted(picture)
        except (MemoryError, RuntimeError) as error:
            raise _explained(path, error) from error
        finally:
            self.done += 1
            self._show(self.done)

    def _painted(self, picture: Picture) -> Picture:
        painting = self.painting
        controls = painting.controls
        if self.args.linear or picture.linear:
            controls = replace(controls, encoding="linear")
        image = self.stylizer(
            picture.image,
            painting.style,
            painting.strength,
            mask=painting.mask,
            preserve_color=painting.preserve_color,
            controls=controls,
            on_strip=self._on_strip,
        )
        return replace(picture, image=image)

    def _store(self, job: Job, picture: Picture | None) -> None:
        from ..core.pictures import write_picture

        if picture is not None:
            write_picture(picture, job[1], quality=self.args.quality)

    def _on_strip(self, share: float) -> None:
        self._show(self.done + share)


def _explained(path: Path, error: Exception) -> Exception:
    """The error to raise: explained if it is about memory, else as it is."""
    from ..core.errors import ImageError
    from ..core.inference.memory import is_out_of_memory
    from ..core.pictures.rows import picture_size

    if not is_out_of_memory(error):
        return error
    height, width = picture_size(path) or (0, 0)
    return ImageError(
        f"{path} does not fit into the memory of this machine.",
        expected="a smaller picture",
        got=f"{width}×{height}: {next(iter(str(error).splitlines()), 'MemoryError')}",
        do=f"Try --max-memory with less than there is, --size {max(width, height) // 2}, or --device cpu.",
    )
