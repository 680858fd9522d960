"""Curves over frames, against values computed by hand."""

from __future__ import annotations

import json

import pytest
from brushwork.core.errors import ConfigError
from brushwork.core.inference.video import Keyframe, StyleCurve, morph, read_keyframes


def test_weights_and_strength_are_interpolated() -> None:
    curve = read_keyframes(
        json.dumps(
            [
                {"frame": 10, "style": "a", "strength": 1},
                {"time": 2, "mix": {"a": 1, "b": 3}, "strength": 0.5, "ease": "smooth"},
                {"frame": 60, "style": "c", "ease": "hold"},
            ]
        ),
        rate=20,
        strength=0.8,
    )
    assert curve.names == ["a", "b", "c"]
    assert curve.at(0) == ({"a": 1.0}, 1.0)
    assert curve.at(25) == ({"a": 0.625, "b": 0.375}, 0.75)
    assert curve.at(40) == ({"a": 0.25, "b": 0.75}, 0.5)
    weights, strength = curve.at(45)  # smooth at ¼: 3/16 − 2/64
    assert weights == pytest.approx({"a": 0.25 * 0.84375, "b": 0.75 * 0.84375, "c": 0.15625})
    assert strength == pytest.approx(0.5 + 0.3 * 0.15625)
    assert curve.at(99) == ({"c": 1.0}, 0.8)


def test_hold_jumps_at_the_next_keyframe() -> None:
    curve = StyleCurve([Keyframe(0, {"a": 1}, ease="hold"), Keyframe(10, {"b": 1})])
    assert curve.at(9.9)[0] == {"a": 1}
    assert curve.at(10)[0] == {"b": 1}


def test_a_morph_begins_and_ends_in_its_styles() -> None:
    curve = morph(["a", "b", "c"], 21)
    assert [curve.at(frame)[0] for frame in (0, 10, 20)] == [{"a": 1}, {"b": 1}, {"c": 1}]
    assert curve.at(5)[0] == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "3",
        "[]",
        "[3]",
        '[{"style": "a"}]',
        '[{"frame": 0, "time": 0}]',
        '[{"frame": 0, "style": "a", "mix": {"a": 1}}]',
        '[{"frame": 0, "mix": {"a": 0}}]',
        '[{"frame": 0, "mix": {"a": -1, "b": 2}}]',
        '[{"frame": -1}]',
        '[{"frame": 0, "strength": 2}]',
        '[{"frame": 0, "ease": "bounce"}]',
        '[{"frame": 0}, {"frame": 0}]',
        '[{"frame": 0, "colour": 1}]',
    ],
)
def test_malformed_keyframes_are_explained(text: str) -> None:
    with pytest.raises(ConfigError):
        read_keyframes(text, 25)
