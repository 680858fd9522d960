"""The sample photos that come with Brushwork: something to paint before the user has chosen anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import ImageError

FOLDER = Path(__file__).resolve().parent.parent.parent / "assets" / "samples"
"""Right in a checkout, in a wheel and under ComfyUI's name for the pack."""

CREDITS = {
    "astronaut": "Eileen Collins, NASA, public domain",
    "chelsea": "Chelsea the cat, Stefan van der Walt, CC0",
    "coffee": "Coffee cup, Rachel Michetti, CC0",
    "rocket": "Launch of DSCOVR, SpaceX, public domain",
}
"""File stem → what it shows, by whom, under which licence. assets/samples/ATTRIBUTION.md has the sources."""

SHOWCASE = ("astronaut", "chelsea")
"""A face and fur: what people look at first."""


def sample_photo(name: str) -> Path:
    """The file of a sample photo.

    Args:
        name: A key of `CREDITS`.

    Raises:
        ImageError: No such sample, or the installation lacks its file.
    """
    path = FOLDER / f"{name}.jpg"
    if name not in CREDITS or not path.is_file():
        raise ImageError(
            f"There is no sample photo {name!r}.",
            expected=", ".join(CREDITS),
            got="a file that this installation lacks" if name in CREDITS else repr(name),
            do="Reinstall Brushwork." if name in CREDITS else "Choose one of these.",
        )
    return path


def samples_credit(names: Sequence[str]) -> str:
    """One sentence for whoever shows these photos."""
    return "Sample photos: " + "; ".join(CREDITS[name] for name in names) + "."
