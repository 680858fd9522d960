"""The two ways back of painting on a card, on the CPU, which has float16 as well."""

from __future__ import annotations

import logging

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.inference.accelerator import Accelerator
from brushwork.core.inference.engine import Engine, rows
from brushwork.core.inference.engine.engine import HalfPrecisionOverflowError
from brushwork.core.spec import ModelSpec
from brushwork.core.style_model import StyleModel

CPU = torch.device("cpu")
SMALL = {"encoder_widths": [4, 6, 10], "decoder_widths": [6, 4], "blocks": 1, "output": "sigmoid"}


def model_of(*, gain: float = 1.0) -> StyleModel:
    """`gain` on the first convolution: instance normalization takes it off again, unless it overflowed before."""
    torch.manual_seed(0)
    network = build_network("transformer_net", SMALL)
    torch.nn.init.normal_(network.output.weight, 0, 0.3)
    with torch.no_grad():
        network.encoder[0].conv.weight.mul_(gain)
    return StyleModel(network, ModelSpec("transformer_net", SMALL))


def test_half_precision_paints_while_it_can():
    model, photo = model_of(), torch.rand(1, 3, 40, 48)
    card = Accelerator(model, CPU, torch.float16)
    assert (card.paint(photo, None) - model(photo)).abs().max() < 0.02
    assert card.dtype == torch.float16


@pytest.mark.filterwarnings("ignore:overflow")
def test_what_overflows_is_painted_in_float32_from_then_on(caplog):
    model, photo = model_of(gain=1e6), torch.rand(1, 3, 40, 48)
    card = Accelerator(model, CPU, torch.float16)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(card.paint(photo, None), model(photo))
        assert torch.equal(card.paint(photo, None), model(photo))
    assert len(caplog.records) == 1
    assert model(photo).std() > 0.02


def test_strips_notice_an_overflow_too():
    with pytest.raises(HalfPrecisionOverflowError):
        Engine(model_of(gain=1e6), torch.float16).paint(torch.rand(1, 3, 40, 48), None)


def test_what_does_not_fit_is_painted_by_strips(monkeypatch):
    model, photo, seen = model_of(), torch.rand(2, 3, 40, 48), []
    expected = model(photo)

    def full(self, content, code, margin):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(StyleModel, "run", full)
    painted = Accelerator(model, CPU, torch.float32).paint(photo, None, seen.append)
    assert (painted - expected).abs().max() < 2e-5
    assert seen[-1] == 1


def test_other_errors_are_not_taken_for_a_full_memory(monkeypatch):
    def broken(self, content, code, margin):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(StyleModel, "run", broken)
    with pytest.raises(RuntimeError, match="do not match"):
        Accelerator(model_of(), CPU, torch.float32).paint(torch.rand(1, 3, 40, 48), None)


def test_blocks_on_a_card_are_a_share_of_its_free_memory(monkeypatch):
    rows._block_bytes_elsewhere.cache_clear()
    monkeypatch.setattr(rows, "available_bytes", lambda device: 64 << 30)
    card = torch.device("cuda")
    try:
        assert rows.block_rows(1920, 32, 2, card) == (2 << 30) // (1920 * 32 * 2) // 2 * 2
        assert rows.block_rows(1920, 32, 2) == rows.BLOCK_BYTES // (1920 * 32 * 2) // 2 * 2
    finally:
        rows._block_bytes_elsewhere.cache_clear()
