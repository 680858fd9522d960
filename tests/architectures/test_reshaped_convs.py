"""Convolutions in the form that training on a CPU computes, against the form of the papers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.architectures import _reshaped_convs as reshaped
from brushwork.core.architectures._layers import Conv2d, Upsample2d
from torch import Tensor

PADDINGS = {"reflect": "reflect", "replicate": "replicate", "zero": "constant"}


def leaf(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def check(got: Tensor, wanted: Tensor, leaves: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(got, wanted)
    seen = torch.randn_like(wanted)
    mine, theirs = torch.autograd.grad(got, leaves, seen), torch.autograd.grad(wanted, leaves, seen)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("padding", list(PADDINGS))
@pytest.mark.parametrize("biased", [True, False])
def test_transposed_is_nearest_padding_and_convolution(padding: str, biased: bool) -> None:
    x, weight, bias = leaf(2, 3, 5, 4), leaf(6, 3, 3, 3), leaf(6) if biased else None
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    wanted = F.conv2d(F.pad(doubled, (1,) * 4, mode=PADDINGS[padding]), weight, bias)
    leaves = (x, weight, bias) if bias is not None else (x, weight)
    check(reshaped.conv_after_nearest(x, weight, bias, padding), wanted, leaves)


@pytest.mark.parametrize("size", [(14, 12), (13, 10), (12, 11), (9, 9)])
def test_shuffled_is_the_plain_convolution(size: tuple[int, int]) -> None:
    x, weight, bias = leaf(2, 4, *size), leaf(3, 4, 9, 9), leaf(3)
    check(reshaped.conv_to_few_channels(x, weight, bias), F.conv2d(x, weight, bias), (x, weight, bias))


def test_layers_use_them_in_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    net = torch.nn.Sequential(
        Upsample2d(4, 5, mode="nearest", padding_mode="reflect"), Conv2d(5, 3, 9, padding_mode="reflect")
    )
    x = torch.randn(1, 4, 6, 7)

    def run(x: Tensor) -> Tensor:
        return net(x)

    with torch.no_grad():
        plain = run(x)
    trained = run(x.clone().requires_grad_())
    torch.testing.assert_close(trained, plain)
    for name in ("conv_after_nearest", "conv_to_few_channels"):
        with monkeypatch.context() as patch:
            patch.setattr(f"brushwork.core.architectures._layers.{name}", None)
            with torch.no_grad():
                assert torch.equal(run(x), plain)
                assert torch.equal(net.eval()(x), plain)
            assert torch.equal(net(x), plain), "an exporter traces with gradients"
            with pytest.raises(TypeError):
                net.train()(x.clone().requires_grad_())
