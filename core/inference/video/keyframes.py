"""Style and strength as curves over the frames of a film."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import ConfigError
from ..strength import check_strength

Ease = Literal["linear", "smooth", "hold"]
"""How a keyframe leads to the next: evenly, gently at both ends (3x² − 2x³), or not until it is there."""
EASES = ("linear", "smooth", "hold")


@dataclass(frozen=True)
class Keyframe:
    """What holds at one frame."""

    frame: float
    """Number from 0."""
    styles: Mapping[str, float]
    """Weights of the mix, summing to 1; names or picture files. Empty: the model's first style."""
    strength: float = 1.0
    ease: Ease = "linear"


class StyleCurve:
    """Keyframes and everything between them.

    Weights and strength are interpolated; before the first keyframe and behind the last they stay.

    Args:
        keyframes: In any order, one at least, no two at one frame.

    Raises:
        ConfigError: None, or two at one frame.
    """

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        self.keyframes = sorted(keyframes, key=lambda keyframe: keyframe.frame)
        places = [keyframe.frame for keyframe in self.keyframes]
        if not places or len(set(places)) < len(places):
            raise ConfigError(
                "These keyframes make no curve.",
                expected="one keyframe or more, each at a frame of its own",
                got=", ".join(f"{place:g}" for place in places) or "none",
                do="Correct the frame numbers.",
            )
        self._places = places

    @property
    def names(self) -> list[str]:
        """All styles, in order of appearance."""
        return list(dict.fromkeys(name for keyframe in self.keyframes for name in keyframe.styles))

    def at(self, frame: float) -> tuple[dict[str, float], float]:
        """Weights above 0, summing to 1, and strength at a frame."""
        behind = bisect_right(self._places, frame)
        before = self.keyframes[max(0, behind - 1)]
        after = self.keyframes[min(behind, len(self.keyframes) - 1)]
        share = 0.0
        if after.frame > before.frame:
            share = (frame - before.frame) / (after.frame - before.frame)
            share = {"linear": share, "smooth": share * share * (3 - 2 * share), "hold": 0.0}[before.ease]
        weights = {
            name: (1 - share) * before.styles.get(name, 0.0) + share * after.styles.get(name, 0.0)
            for name in dict.fromkeys([*before.styles, *after.styles])
        }
        strength = (1 - share) * before.strength + share * after.strength
        return {name: weight for name, weight in weights.items() if weight > 0}, strength


def morph(styles: Sequence[str], frames: int, strength: float = 1.0) -> StyleCurve:
    """From the first style in the first frame to the last style in the last, evenly over those between.

    Raises:
        ConfigError: Fewer than two styles.
    """
    if len(styles) < 2:
        raise ConfigError("A morph needs two styles.", expected="--morph A B", got=" ".join(styles), do="Name both.")
    last = max(frames - 1, len(styles) - 1)
    step = last / (len(styles) - 1)
    return StyleCurve([Keyframe(index * step, {name: 1.0}, strength) for index, name in enumerate(styles)])


def read_keyframes(text: str, rate: float, strength: float = 1.0) -> StyleCurve:
    """Read JSON such as

        [{"frame": 0, "style": "starry-night"},
         {"time": 2.5, "mix": {"starry-night": 1, "great-wave": 3}, "strength": 0.6, "ease": "smooth"}]

    Args:
        text: A list of keyframes, or an object with it under `keyframes`. Each has `frame`, or `time` in seconds;
            `style` or `mix`, or neither for the first style; optionally `strength` and `ease`.
        rate: Frames a second.
        strength: Where a keyframe names none.

    Raises:
        ConfigError: It is no JSON, or not of this form; the message says where.
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise _malformed("the text is no JSON", str(error)) from error
    if isinstance(entries, Mapping):
        entries = entries.get("keyframes")
    if not isinstance(entries, list):
        raise _malformed("there is no list of keyframes", type(entries).__name__)
    return StyleCurve([_keyframe(index, entry, rate, strength) for index, entry in enumerate(entries)])


def _keyframe(index: int, entry: Any, rate: float, strength: float) -> Keyframe:
    place = f"keyframe {index}"
    if not isinstance(entry, Mapping):
        raise _malformed(f"{place} is no object", repr(entry))
    unknown = set(entry) - {"frame", "time", "style", "mix", "strength", "ease"}
    if unknown or ("frame" in entry) == ("time" in entry) or ("style" in entry and "mix" in entry):
        raise _malformed(f"{place} has unknown, missing or contradicting fields", ", ".join(map(str, entry)))
    mix = entry.get("mix", {entry["style"]: 1.0} if "style" in entry else {})
    if not isinstance(mix, Mapping) or (mix and not _weights_hold(mix.values())):
        raise _malformed(f"the mix of {place} has no weights", repr(mix))
    frame = entry["frame"] if "frame" in entry else _number(entry["time"]) * rate
    if not _number(frame) >= 0:
        raise _malformed(f"{place} is at no frame", repr(frame))
    ease = entry.get("ease", "linear")
    if ease not in EASES:
        raise _malformed(f"{place} has no such ease", repr(ease))
    total = sum(mix.values())
    styles = {str(name): weight / total for name, weight in mix.items()}
    return Keyframe(float(frame), styles, check_strength(entry.get("strength", strength)), ease)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _weights_hold(weights: Any) -> bool:
    numbers = [_number(weight) for weight in weights]
    return all(0 <= number < math.inf for number in numbers) and sum(numbers) > 0


def _malformed(what: str, got: str) -> ConfigError:
    return ConfigError(
        f"The keyframes are malformed: {what}.",
        expected='[{"frame": 0, "style": "NAME"}, {"time": 2.5, "mix": {"NAME": 1, "OTHER": 3}, "strength": 0.6}]',
        got=got,
        do="See docs/video.md.",
    )
