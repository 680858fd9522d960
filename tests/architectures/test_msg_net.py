"""CoMatch against the formula of the paper."""

from __future__ import annotations

import torch
from brushwork.core.architectures import MsgNet, MsgNetConfig, StyleCode
from brushwork.core.architectures.comatch import CoMatch


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


def test_a_whitened_layer_begins_as_the_identity_on_average_and_is_the_same_product():
    layer = CoMatch(6, whitened=True).double()
    features = torch.randn(50, 6, 30, dtype=torch.float64) * torch.logspace(-1, 1, 6)[:, None]
    grams = features @ features.transpose(1, 2) / features[0].numel()
    mean = grams.mean(0)
    layer.whiten(mean)
    ridge = 0.1 * mean.diagonal().mean() * torch.eye(6, dtype=torch.float64)
    assert torch.allclose(layer.product(torch.float64), torch.linalg.inv(mean + ridge))
    assert torch.allclose(layer.matrix(grams).mean(0).T, torch.eye(6).double() - layer.product(torch.float64) @ ridge)
    torch.nn.init.normal_(layer.weight)
    x, weight = data()[1], layer.whitening @ layer.weight @ layer.whitening
    out = layer(x, grams[:1], torch.ones(1, 1))
    for i in range(2):
        assert torch.allclose(out[i], comatch(weight, x[i], grams[0]))


def test_every_photo_can_have_grams_of_its_own():
    layer, x, grams = data()
    own = torch.stack([grams[:2], grams[1:]])
    for weights in (torch.tensor([[0.3, 0.7]]).double(), torch.rand(1, 2, 5, 7, dtype=torch.float64)):
        out = layer(x, own, weights)
        for i in range(2):
            assert torch.allclose(out[i : i + 1], layer(x[i : i + 1], own[i], weights))


def test_half_a_mask_is_its_own_styles_picture():
    net = MsgNet(MsgNetConfig(width=2, blocks=1, stem=4, down=2, up=(2, 2))).double()
    photo, styles = torch.rand(1, 3, 32, 160, dtype=torch.float64), torch.rand(2, 3, 24, 24, dtype=torch.float64)
    code = net.encode_style(styles)
    halves = torch.zeros(1, 2, 32, 160, dtype=torch.float64)
    halves[:, 0, :, :80], halves[:, 1, :, 80:] = 1, 1
    out = net(photo, StyleCode(halves, code))
    for place, weights in ((slice(None, 32), [[1.0, 0.0]]), (slice(-32, None), [[0.0, 1.0]])):
        alone = net(photo, StyleCode(torch.tensor(weights, dtype=torch.float64), code))
        assert torch.allclose(out[..., place], alone[..., place], atol=1e-6)
