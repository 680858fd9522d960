"""Padding and normalization with own backward passes, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.architectures import build_network
from brushwork.core.architectures._autograd import instance_norm, reflect_pad
from brushwork.core.architectures._sigmoid import LEAST_SLOPE, sigmoid


@pytest.mark.parametrize("amount", [1, 2, 4])
def test_reflect_pad_is_pytorchs_in_both_directions(amount: int) -> None:
    x = torch.randn(2, 3, 9, 6, dtype=torch.float64, requires_grad=True)
    seen = torch.randn(2, 3, 9 + 2 * amount, 6 + 2 * amount, dtype=torch.float64)
    expected = F.pad(x, (amount,) * 4, mode="reflect")
    (wanted,) = torch.autograd.grad((expected * seen).sum(), x)
    got = reflect_pad(x, amount)
    assert torch.equal(got, expected)
    torch.testing.assert_close(torch.autograd.grad((got * seen).sum(), x)[0], wanted)


@pytest.mark.parametrize("rows", [1, 2])
def test_instance_norm_gradients(rows: int) -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *parts: instance_norm(*parts, 1e-5), (x, weight, bias))
    flat = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(instance_norm(x, weight, bias), flat * weight[..., None, None] + bias[..., None, None])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("training", [False, True])
def test_statistics_hold_with_a_large_mean_in_half_precision(dtype: torch.dtype, training: bool) -> None:
    x = (torch.randn(1, 2, 64, 64) + 20).to(dtype)
    one, zero = torch.ones(1, 2, requires_grad=training), torch.zeros(1, 2, requires_grad=training)
    with torch.set_grad_enabled(training):
        out = instance_norm(x, one, zero)
    exact = F.instance_norm(x.double())
    assert out.dtype == dtype
    # half a unit in the last place at 3 σ; a mean rounded to bfloat16 would be off by up to 0.06 everywhere
    assert (out.double() - exact).abs().max() < (0.02 if dtype == torch.bfloat16 else 0.003)
    assert abs(float(out.detach().double().mean())) < 2e-3


def test_sigmoid_is_torchs_and_its_gradient_never_dies() -> None:
    x = torch.tensor([-40.0, -2.0, -1.0, 0.0, 2.0, 40.0], dtype=torch.float64, requires_grad=True)
    y = sigmoid(x)
    assert torch.equal(y, torch.sigmoid(x))
    (slope,) = torch.autograd.grad(y.sum(), x)
    true = torch.exp(-x) / (1 + torch.exp(-x)) ** 2
    torch.testing.assert_close(slope[1:5], true[1:5].detach())
    assert slope[[0, 5]].tolist() == [LEAST_SLOPE] * 2


def test_a_picture_that_has_become_black_learns_to_be_white() -> None:
    """The sum of squares from white falls from 1 although the true slope at −40 is 4e-18."""
    logit = torch.full((4,), -40.0, requires_grad=True)
    optimizer = torch.optim.Adam([logit], lr=1.0)
    for _ in range(60):
        optimizer.zero_grad()
        (1 - sigmoid(logit)).square().sum().backward()
        optimizer.step()
    assert float(sigmoid(logit.detach()).min()) > 0.9


@pytest.mark.parametrize(("norm", "learns"), [("batch", True), ("instance", False)])
def test_black_pictures_of_vanilla_nets_go_on_learning(norm: str, learns: bool) -> None:
    small = {"encoder_widths": [4, 4, 4], "decoder_widths": [4, 4], "blocks": 1, "output": "sigmoid", "norm": norm}
    network = build_network("transformer_net", small)
    last = dict(network.named_modules())["output"]
    assert isinstance(last, torch.nn.Conv2d)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(-40.0)
    picture = network(torch.rand(1, 3, 32, 32), None)
    assert float(picture.detach().max()) < 1e-10
    (slope,) = torch.autograd.grad(picture.mean(), last.bias)
    assert bool((slope > 0.01).all()) is learns
