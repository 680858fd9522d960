"""Winograd's convolution against torch's in float64, alone and inside every network."""

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.inference.engine import Engine, rows, winograd
from brushwork.core.inference.engine.convolution import Convolution
from brushwork.core.inference.engine.winograd import WinogradConvolution, arranged, fastest
from torch import nn

from .test_engine import NETWORKS, build, style_of


@pytest.fixture
def everywhere(monkeypatch):
    """On a machine where it pays, for layers of any number of channels."""
    monkeypatch.setattr(winograd, "pays_here", lambda: True)
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (30, 33), (9, 520), (37, 1601), (3, 50), (50, 3), (1, 1)])
def test_it_is_the_convolution(height, width):
    """Whole tiles, rows and columns that are left over, pictures wider than one product and smaller than a tile."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 3)
    piece = torch.randn(1, 3, height + 2, width + 2).double().contiguous(memory_format=torch.channels_last)
    bias = torch.randn(5).double()
    with torch.no_grad():
        painted = WinogradConvolution(layer, torch.float64, centre=False).apply(piece, bias)
        assert (painted - F.conv2d(piece, layer.weight.double(), bias)).abs().max() < 1e-12
    assert painted.is_contiguous(memory_format=torch.channels_last)


def test_float32_stays_within_a_few_millionths():
    torch.manual_seed(0)
    layer = nn.Conv2d(128, 96, 3, bias=False)
    piece = torch.randn(1, 128, 42, 62).relu().contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        exact = F.conv2d(piece.double(), layer.weight.double())
        error = WinogradConvolution(layer, torch.float32, centre=True).apply(piece, torch.zeros(96)) - exact
    assert error.square().mean().sqrt() / exact.std() < 3e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_paints_the_same_picture_with_it(name, everywhere):
    model = build(name)
    photo = torch.rand(1, 3, 53, 66, dtype=torch.float64)
    code = model.encode(style_of(model), 1)
    engine = Engine(model, torch.float64)
    kinds = [type(part) for part in _parts(engine.program)]
    assert WinogradConvolution in kinds
    assert (engine.paint(photo, code) - model.paint(photo, code)).abs().max() < 1e-10


def test_the_height_of_blocks_does_not_move_the_tiles(everywhere, monkeypatch):
    """Streams of any memory bound compute the same numbers, not only nearly."""
    model = build("adain", torch.float32)
    photo = torch.rand(1, 3, 200, 72)
    code = model.encode(style_of(model), 1)
    whole = Engine(model, torch.float32).paint(photo, code)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 20_000)
    assert (Engine(model, torch.float32).paint(photo, code) - whole).abs().max() < 2e-6


def test_products_of_tiles_are_neither_small_nor_larger_than_their_memory():
    for across in range(1, 3000):
        high, wide = arranged(across)
        assert 1 <= wide <= across
        assert winograd.TILES / 2 < high * wide <= winograd.MOST_TILES


def test_layers_that_gain_nothing_stay_as_they_are(everywhere, monkeypatch):
    def kind(layer: nn.Conv2d, dtype: torch.dtype = torch.float32) -> type[Convolution]:
        return type(fastest(layer, dtype, centre=False))

    assert kind(nn.Conv2d(8, 8, 3)) is WinogradConvolution
    for layer in (nn.Conv2d(8, 8, 3, stride=2), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 5)):
        assert kind(layer) is Convolution
    assert kind(nn.Conv2d(8, 8, 3), torch.bfloat16) is Convolution
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 9)
    assert kind(nn.Conv2d(8, 16, 3)) is Convolution
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "pays_here", lambda: False)
    assert kind(nn.Conv2d(8, 8, 3)) is Convolution


def test_the_machine_is_tried_once():
    winograd.pays_here.cache_clear()
    assert winograd.pays_here() in (True, False)
    winograd.pays_here()
    assert winograd.pays_here.cache_info().misses == 1


@pytest.mark.parametrize(("slow_turns", "pays"), [(0, True), (3 * winograd.TRIALS, True), (10**9, False)])
def test_a_busy_machine_does_not_hide_the_gain(monkeypatch, slow_turns, pays):
    """A clock that only convolutions move: direct ones by 1 ms, the other by 2 ms as long as something disturbs it."""
    now, turns = [0.0], [0]

    def direct(self, piece, bias):
        now[0] += 1e-3

    def by_tiles(self, piece, bias):
        turns[0] += 1
        now[0] += 2e-3 if turns[0] <= slow_turns else 0.8e-3

    monkeypatch.setattr(Convolution, "apply", direct)
    monkeypatch.setattr(WinogradConvolution, "apply", by_tiles)
    monkeypatch.setattr(winograd.time, "perf_counter", lambda: now[0])
    winograd.pays_here.cache_clear()
    try:
        assert winograd.pays_here() is pays
        assert now[0] <= winograd.LONGEST_TRIAL_S + 4e-3
    finally:
        winograd.pays_here.cache_clear()


def _parts(part: object):
    """Everything that a program is made of."""
    if isinstance(part, Convolution):
        yield part
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _parts(inner)
    elif isinstance(part, dict):
        yield from _parts(list(part.values()))
    elif hasattr(part, "__dict__") and type(part).__module__.startswith("brushwork.core.inference"):
        yield from _parts(list(vars(part).values()))
