"""Where the results of a command go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.errors import ConfigError
from ..core.pictures.find import PICTURE_SUFFIXES
from ..core.pictures.write import WRITABLE_SUFFIXES, check_writable

FALLBACK_SUFFIX = ".png"
"""For sources such as GIF and BMP, whose formats are read but not written."""


def plan_outputs(found: Mapping[Path, Path], out: str, *, several: bool) -> dict[Path, Path]:
    """Input → output.

    Args:
        found: Input files with their names relative to the folder they were found through.
        out: What the user wrote after -o: a picture file for one input, else a folder.
        several: Whether the user asked for more than one file, by several inputs or a folder.

    Raises:
        ConfigError: A file for several inputs, a format that cannot be written, two inputs with one output, or
            an output that is an input.
    """
    target = Path(out)
    if target.is_dir() or out.endswith(("/", "\\")) or target.suffix.lower() not in PICTURE_SUFFIXES:
        inside = target.resolve()
        plan = {
            path: target / _writable_name(name)
            for path, name in found.items()
            if not path.resolve().is_relative_to(inside) or not several
        }
    else:
        check_writable(target)
        if len(found) > 1:
            raise ConfigError(
                f"{len(found)} pictures do not fit into one file.",
                expected="-o FOLDER for several inputs",
                got=f"-o {out}",
                do="Name a folder; it is made if it is missing.",
            )
        plan = dict.fromkeys(found, target)
    _check_distinct(plan)
    return plan


def _writable_name(name: Path) -> Path:
    return name if name.suffix.lower() in WRITABLE_SUFFIXES else name.with_suffix(FALLBACK_SUFFIX)


def _check_distinct(plan: Mapping[Path, Path]) -> None:
    sources = {path.resolve() for path in plan}
    taken: dict[Path, Path] = {}
    for path, target in plan.items():
        resolved = target.resolve()
        if resolved in sources:
            raise ConfigError(
                f"{target} is one of the inputs and would be overwritten.",
                expected="another file or folder behind -o",
                got=str(target),
                do="Choose another place: the original is the only way back.",
            )
        if resolved in taken:
            raise ConfigError(
                "Two inputs would be written to one file.",
                expected="different names",
                got=f"{taken[resolved]} and {path} → {target}",
                do="Give the folder above them as the input: its structure is kept.",
            )
        taken[resolved] = path
