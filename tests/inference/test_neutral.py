"""Each control at its neutral value changes no bit, on every architecture and in films.

The controls are read from the code; one that is new and not listed here with its neutral values fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, get_args

import pytest
import torch
from brushwork.core.architectures import ARCHITECTURES, build_network
from brushwork.core.color import ColorMode
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.corners import corner_mix
from brushwork.core.inference.video import FilmPainter, Keyframe, StyleCurve, TemporalOptions, VideoStylizer
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

HEIGHT, WIDTH = 24, 32
TRANSFORMER = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1}
ENCODER = {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect"}
NETWORKS = {
    "transformer_net": TRANSFORMER,
    "conditional_transformer_net": {**TRANSFORMER, "styles": 2},
    "msg_net": {"width": 8, "blocks": 1},
    "adain": {"encoder": ENCODER},
    "comatch": {
        "encoder": {**ENCODER, "ceil_pool": False, "input_conv": False},
        "widths": [6, 5, 4],
        "blocks": [1, 1, 0],
        "hidden": 7,
    },
    "microast": {"widths": [4, 8, 16]},
}
MODES = [mode for mode in get_args(ColorMode) if mode != "none"]


@dataclass
class Same:
    """Two ways to say the same thing."""

    said: dict[str, Any] = field(default_factory=dict)
    """Controls that are at their neutral values."""
    call: dict[str, Any] = field(default_factory=dict)
    """Other arguments of the Stylizer, with the controls."""
    plain: dict[str, Any] = field(default_factory=dict)
    """Other arguments of the run without."""


def ones() -> torch.Tensor:
    return torch.ones(9, 7)


CONTROLS: dict[str, Callable[[], list[Same]]] = {
    "coarse_strength": lambda: [Same({"coarse_strength": 1.0})],
    "fine_strength": lambda: [Same({"fine_strength": 1.0})],
    "strength_map": lambda: [Same({"strength_map": ones()})],
    "stroke_size": lambda: [Same({"stroke_size": 1.0})],
    "stroke_reference_px": lambda: [Same({"stroke_reference_px": WIDTH})],
    "color_amount": lambda: [
        Same({"color_amount": 1.0}),
        *(Same({"color_amount": 0.0}, {"preserve_color": mode}) for mode in MODES),
    ],
    "palette": lambda: [Same({"palette": None})],
    "wrap": lambda: [Same({"wrap": "none"})],
    "encoding": lambda: [Same({"encoding": "srgb"})],
    "region_statistics": lambda: [Same({"region_statistics": True}), Same({"region_statistics": False})],
}
ARGUMENTS: dict[str, Callable[[], list[Same]]] = {
    "strength": lambda: [Same(call={"strength": 1.0})],
    "mask": lambda: [Same(call={"mask": ones()})],
    "preserve_color": lambda: [Same(call={"preserve_color": "none"})],
    "controls": lambda: [Same()],
    "progress": lambda: [Same(call={"progress": lambda _done, _all: None})],
    "on_strip": lambda: [Same(call={"on_strip": lambda _share: None})],
}


def test_every_control_is_listed() -> None:
    assert set(CONTROLS) == {one.name for one in fields(Controls)}
    assert set(ARGUMENTS) == set(inspect.signature(Stylizer.__call__).parameters) - {"self", "photo", "style"}
    assert set(TEMPORAL) == {one.name for one in fields(TemporalOptions)}


@pytest.fixture(scope="module", params=list(NETWORKS))
def stylizer(request) -> Stylizer:
    assert set(NETWORKS) == set(ARCHITECTURES)
    torch.manual_seed(11)
    network = build_network(request.param, NETWORKS[request.param])
    kind = ARCHITECTURES[request.param].style_kind
    styles = tuple(StyleInfo(name) for name in ("a", "b")[: 2 if kind == "conditional" else 1])
    spec = ModelSpec(request.param, NETWORKS[request.param], styles=() if kind == "image" else styles)
    return Stylizer(StyleModel(network, spec), "cpu", "exact")


def photo() -> torch.Tensor:
    return torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5))


def style_of(stylizer: Stylizer) -> Any:
    picture = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(6))
    return picture if stylizer.model.style_kind == "image" else 0


@pytest.mark.parametrize("name", [*CONTROLS, *ARGUMENTS])
def test_the_neutral_value_changes_no_bit(stylizer, name) -> None:
    style = style_of(stylizer)
    for same in {**CONTROLS, **ARGUMENTS}[name]():
        wanted = stylizer(photo(), style, **same.plain)
        painted = stylizer(photo(), style, controls=Controls(**same.said), **same.call)
        assert torch.equal(painted, wanted), f"{same}: by up to {float((painted - wanted).abs().max()):.2g}"


def test_strength_zero_is_the_photo(stylizer) -> None:
    style = style_of(stylizer)
    assert torch.equal(stylizer(photo(), style, 0.0), photo())
    for said in ({"coarse_strength": 0.0, "fine_strength": 0.0}, {"strength_map": ones() * 0}):
        assert torch.equal(stylizer(photo(), style, controls=Controls(**said)), photo()), said
    assert torch.equal(stylizer(photo(), style, mask=ones() * 0), photo())


def test_one_style_said_otherwise_is_the_style(stylizer) -> None:
    style = style_of(stylizer)
    wanted = stylizer(photo(), style)
    layer = StyleLayer(style)
    for said in ([layer], [StyleLayer(style, 3.0)], corner_mix([layer] * 4, 0.3, 0.6)):
        torch.testing.assert_close(stylizer(photo(), said), wanted, rtol=0, atol=1e-5)
    field = stylizer(photo(), [StyleLayer(style, 1.0, ones())])
    torch.testing.assert_close(field, wanted, rtol=0, atol=1e-4)
    regions = stylizer(photo(), [StyleLayer(style, 1.0, ones())], controls=Controls(region_statistics=True))
    torch.testing.assert_close(regions, wanted, rtol=0, atol=1e-4)


TEMPORAL: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "blend": [({"blend": 0.0, "smooth": 0.0}, {})],
    "smooth": [({"blend": 0.0, "smooth": 0.0}, {})],
    "cut": [({"cut": 9.0}, {"cut": 0.6})],
    "flow": [({"flow": "auto"}, {"flow": "lucas-kanade"})],
}
"""Options, and those that mean the same; {}: frames for themselves. A cut is one only where there is one."""


def film() -> list[torch.Tensor]:
    wide = torch.nn.functional.avg_pool2d(torch.rand(1, 3, HEIGHT + 2, WIDTH + 12), 3, 1)
    return [wide[..., x : x + WIDTH] for x in (0, 3, 6, 9)]


@pytest.mark.parametrize("name", list(TEMPORAL))
def test_options_of_films_at_their_neutral_values(stylizer, name) -> None:
    style, frames = style_of(stylizer), film()
    for options, same in TEMPORAL[name]:
        video = VideoStylizer(stylizer, TemporalOptions(**options))
        other = VideoStylizer(stylizer, TemporalOptions(**same)) if same else stylizer
        for frame in frames:
            assert torch.equal(video(frame, style), other(frame, style))


@pytest.mark.parametrize("name", list(CONTROLS))
def test_controls_change_no_bit_of_a_film(stylizer, name) -> None:
    style, frames = style_of(stylizer), film()
    for same in CONTROLS[name]():
        plain, told = VideoStylizer(stylizer), VideoStylizer(stylizer)
        for frame in frames[:2]:
            wanted = plain(frame, style, **same.plain)
            assert torch.equal(told(frame, style, controls=Controls(**same.said), **same.call), wanted), same


def test_a_curve_that_stays_is_the_style(make_conditional) -> None:
    stylizer = Stylizer(make_conditional("waves", "dots"), "cpu", "exact")
    curve = StyleCurve([Keyframe(0, {"dots": 1}), Keyframe(3, {"dots": 1}, ease="smooth")])
    told, plain = FilmPainter(VideoStylizer(stylizer), curve=curve), FilmPainter(VideoStylizer(stylizer), "dots")
    for index, frame in enumerate(film()):
        assert torch.equal(told(frame, index), plain(frame, index))
