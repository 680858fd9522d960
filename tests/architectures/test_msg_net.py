"""CoMatch against the formula of the paper."""

from __future__ import annotations

import torch
from brushwork.core.architectures import MsgNet, MsgNetConfig, StyleCode
from brushwork.core.architectures.msg_net import CoMatch


def comatch(weight, x, gram):
    """Φ(F)ᵀ W G(S), positions × channels, written out for one picture (Zhang & Dana 2017, eq. 9)."""
    positions = x.reshape(x.shape[0], -1).T  # (HW, C)
    return (positions @ weight @ gram).T.reshape(x.shape)


def data():
    layer = CoMatch(6).double()
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    f = torch.randn(3, 6, 11, dtype=torch.float64)
    return layer, x, f @ f.transpose(1, 2) / 66


def test_comatch_is_the_papers_product():
    layer, x, grams = data()
    out = layer(x, grams[:1], torch.ones(1, 1))
    for i in range(2):
        assert torch.allclose(out[i], comatch(layer.weight, x[i], grams[0]))


def test_mixing_grams_is_mixing_results():
    layer, x, grams = data()
    weights = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]], dtype=torch.float64)
    out = layer(x, grams, weights)
    for i in range(2):
        expected = sum(w * comatch(layer.weight, x[i], g) for w, g in zip(weights[i], grams, strict=True))
        assert torch.allclose(out[i], expected)


def test_pixel_weights_choose_per_position():
    layer, x, grams = data()
    choice = torch.randint(0, 3, (1, 5, 7))
    weights = torch.nn.functional.one_hot(choice, 3).movedim(-1, 1).double()
    out = layer(x, grams, weights)
    for i in range(2):
        each = torch.stack([comatch(layer.weight, x[i], g) for g in grams])
        expected = each.gather(0, choice[None].expand(1, 6, 5, 7))[0]
        assert torch.allclose(out[i], expected)


def test_style_is_the_gram_matrix_of_the_encoder():
    net = MsgNet(MsgNetConfig(width=2, blocks=1, stem=4, down=2, up=(2, 2))).double()
    picture = torch.rand(1, 3, 20, 14, dtype=torch.float64)
    (gram,) = net.encode_style(picture)
    f = net.encode(picture)[0]
    c, h, w = f.shape
    assert (h, w) == (5, 4)
    expected = torch.einsum("ahw,bhw->ab", f, f) / (c * h * w)
    assert torch.allclose(gram[0], expected)


def test_the_style_matters():
    net = MsgNet(MsgNetConfig(width=2, blocks=1, stem=4, down=2, up=(2, 2))).double()
    x, one, other = torch.rand(3, 1, 3, 16, 16, dtype=torch.float64)
    first, second = (net(x, StyleCode(torch.ones(1, 1), net.encode_style(s))) for s in (one, other))
    assert (first - second).abs().max() > 1e-6
