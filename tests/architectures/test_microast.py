"""MicroAST: what weights and masks do; the network itself is held to the published weights in test_parity."""

from __future__ import annotations

import torch
from brushwork.core.architectures import MicroAST, MicroASTConfig, StyleCode


def test_code_holds_statistics_and_modulation_of_both_levels():
    net = MicroAST(MicroASTConfig((4, 8, 16))).double()
    image = torch.rand(1, 3, 24, 20, dtype=torch.float64)
    code = net.encode_style(image)
    assert [tuple(part.shape) for part in code] == [(1, 16)] * 8
    for level, features in enumerate(net.style_encoder(image)):
        mean, std, weight, bias = code[4 * level : 4 * level + 4]
        assert torch.allclose(mean[0], features[0].mean((1, 2)))
        assert torch.allclose(std[0], (features[0].flatten(1).var(1) + 1e-5).sqrt())
        assert torch.allclose(weight[0], net.modulator.weight[level](features)[0].mean((1, 2)))
        assert torch.allclose(bias[0], net.modulator.bias[level](features)[0].mean((1, 2)))


def test_mixing_is_mixing_the_codes():
    net = MicroAST(MicroASTConfig((4, 8, 16))).double()
    x, styles = torch.rand(1, 3, 21, 18).double(), torch.rand(2, 3, 16, 16).double()
    code = net.encode_style(styles)
    blended = tuple((part[:1] + 3 * part[1:]) / 4 for part in code)
    mixed = net(x, StyleCode(torch.tensor([[0.25, 0.75]]), code))
    assert torch.allclose(mixed, net(x, StyleCode(torch.ones(1, 1), blended)))


def test_alpha_moves_towards_the_style():
    net = MicroAST(MicroASTConfig((4, 8, 16))).double()
    x, code = torch.rand(1, 3, 16, 16).double(), net.encode_style(torch.rand(1, 3, 16, 16).double())
    outs = [net(x, StyleCode(torch.ones(1, 1), code, alpha)) for alpha in (0.0, 0.5, 1.0)]
    assert (outs[0] - outs[1]).abs().max() > 1e-6
    assert (outs[1] - outs[2]).abs().max() > 1e-6
    own = net(x, StyleCode(torch.ones(1, 1), net.encode_style(x)))
    assert torch.allclose(outs[0], own)
