"""The modulated decoder: the style reaches every scale, mixes and masks are convex, α = 0 is the photo's own code.

With AdaIN and with CoMatch at the deepest features.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from brushwork.core.architectures import ModulatedAdaINConfig, ModulatedAdaINNet, StyleCode, build_network
from brushwork.core.architectures._modulation import Modulation
from brushwork.core.architectures.vgg import VGGConfig
from brushwork.core.errors import ConfigError

ENCODER = VGGConfig(((4, 4), (6, 6), (8,)), "reflect")
CONFIG = ModulatedAdaINConfig(ENCODER, widths=(6, 5, 4), blocks=(1, 1, 0), hidden=8, output_kernel=3)


@pytest.fixture(params=["adain", "comatch"])
def net(request) -> ModulatedAdaINNet:
    net = ModulatedAdaINNet(replace(CONFIG, match=request.param)).double()
    if net.comatch is not None:  # what a fresh one computes is not what the formula says of any other
        torch.nn.init.normal_(net.comatch.weight)
        net.comatch.whiten(net.encode_style(picture(4, 3, 24, 24))[0].mean(0))
    return net


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64)


def test_modulation_is_instance_normalization_with_the_next_scales():
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    values = torch.randn(1, 10, dtype=torch.float64)  # five channels
    norm = Modulation(values)
    norm(torch.randn(2, 2, 5, 7, dtype=torch.float64))
    out = norm(x)
    for sample in range(2):
        for channel in range(3):
            plane = x[sample, channel]
            expected = (plane - plane.mean()) / (plane.var(correction=0) + 1e-5).sqrt()
            expected = expected * values[0, 2 + channel] + values[0, 5 + 2 + channel]
            assert torch.allclose(out[sample, channel], expected)


def test_every_gamma_and_beta_is_used_once(net):
    *target, values = (part.detach() for part in net.encode_style(picture(1, 3, 24, 20)))
    assert values.shape == (1, 2 * sum(stage.modulated for stage in net.stages))
    values.requires_grad_()
    net(picture(1, 3, 16, 16), StyleCode(torch.ones(1, 1), (*target, values))).square().sum().backward()
    # behind a dead ReLU there is no gradient, and the β of a residual block is a constant that the next norm removes
    scales, shifts = values.grad.abs().chunk(2, dim=1)
    assert (scales > 1e-9).double().mean() > 0.9
    assert (shifts > 1e-9).double().mean() > 0.3


def test_shallow_statistics_reach_the_picture(net):
    """A style that differs at full resolution only: AdaIN at the deepest features could not see it."""
    photo, style = picture(1, 3, 16, 16), picture(1, 3, 16, 16)
    torch.nn.init.normal_(net.modulator.out.weight)
    *target, values = net.encode_style(style)
    *_, other = net.encode_style(picture(1, 3, 16, 16) ** 3)
    one = net(photo, StyleCode(torch.ones(1, 1), (*target, values)))
    two = net(photo, StyleCode(torch.ones(1, 1), (*target, other)))
    assert (one - two).abs().max() > 1e-3


def test_a_mask_of_one_style_everywhere_is_that_style(net):
    photo, styles = picture(2, 3, 21, 30), picture(2, 3, 24, 24)
    code = net.encode_style(styles)
    everywhere = torch.zeros(1, 2, 21, 30)
    everywhere[:, 1] = 1
    expected = net(photo, StyleCode(torch.tensor([[0.0, 1.0]]), code))
    assert torch.allclose(net(photo, StyleCode(everywhere, code)), expected)


def test_weights_mix_the_codes(net):
    photo, styles = picture(1, 3, 24, 32), picture(2, 3, 24, 24)
    code = net.encode_style(styles)
    mixed = tuple(0.3 * part[:1] + 0.7 * part[1:] for part in code)  # of CoMatch, Gram matrices
    expected = net(photo, StyleCode(torch.ones(1, 1), mixed))
    assert torch.allclose(net(photo, StyleCode(torch.tensor([[0.3, 0.7]], dtype=torch.float64), code)), expected)


def test_each_half_of_a_mask_is_its_own_styles_picture(net):
    photo, styles = picture(1, 3, 32, 160), picture(2, 3, 24, 24)
    code = net.encode_style(styles)
    halves = torch.zeros(1, 2, 32, 160, dtype=torch.float64)
    halves[:, 0, :, :80], halves[:, 1, :, 80:] = 1, 1
    out = net(photo, StyleCode(halves, code))
    for place, weights in ((slice(None, 40), [[1.0, 0.0]]), (slice(-40, None), [[0.0, 1.0]])):
        alone = net(photo, StyleCode(torch.tensor(weights, dtype=torch.float64), code))
        assert torch.allclose(out[..., place], alone[..., place], atol=1e-6)


def test_a_map_of_alpha_is_the_photos_own_code_where_it_is_zero(net):
    photo, style = picture(1, 3, 32, 160), picture(1, 3, 24, 24)
    code = net.encode_style(style)
    alpha = torch.ones(1, 1, 32, 160, dtype=torch.float64)
    alpha[..., 80:] = 0
    out = net(photo, StyleCode(torch.ones(1, 1, dtype=torch.float64), code, alpha))
    for place, value in ((slice(None, 40), 1.0), (slice(-40, None), 0.0)):
        alone = net(photo, StyleCode(torch.ones(1, 1), code, value))
        assert torch.allclose(out[..., place], alone[..., place], atol=1e-6)


def test_alpha_zero_is_the_photo_as_its_own_style(net):
    photo, style = picture(2, 3, 24, 16), picture(1, 3, 30, 25)
    own = [
        net(picture_, StyleCode(torch.ones(1, 1), net.encode_style(picture_))) for picture_ in (photo[:1], photo[1:])
    ]
    out = net(photo, StyleCode(torch.ones(1, 1), net.encode_style(style), 0.0))
    assert torch.allclose(out, torch.cat(own))


def test_the_deepest_features_of_comatch_are_the_papers_product():
    """Zhang & Dana 2017, eq. 9, position by position; the Gram matrix is of the encoder's deepest features."""
    net = ModulatedAdaINNet(replace(CONFIG, match="comatch")).double()
    torch.nn.init.normal_(net.comatch.weight)
    torch.nn.init.normal_(net.comatch.whitening)
    photo, style = picture(1, 3, 16, 24), picture(1, 3, 24, 20)
    given = []
    net.stages[0].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    net(photo, StyleCode(torch.ones(1, 1), net.encode_style(style)))
    deep, of_style = (net.encoder(x, ["relu3_1"])["relu3_1"][0].flatten(1) for x in (photo, style))  # (C, positions)
    gram = of_style @ of_style.T / of_style.numel()
    weight = net.comatch.whitening @ net.comatch.weight @ net.comatch.whitening
    for position, features in enumerate(deep.T):
        assert torch.allclose(given[0][0].flatten(1)[:, position], features @ weight @ gram)


@pytest.mark.parametrize("size", [(8, 8), (9, 15), (31, 40)])
def test_output_covers_odd_sizes(net, size):
    code = StyleCode(torch.ones(1, 1), net.encode_style(picture(1, 3, 20, 20)))
    out = net(picture(1, 3, *size), code)
    assert out.isfinite().all()
    assert out.shape[2] >= size[0]
    assert out.shape[3] >= size[1]


def test_stored_hyperparameters_build_the_same_network(net):
    again = build_network(net.config.match, net.config.to_dict())
    assert isinstance(again, ModulatedAdaINNet)
    assert again.config == net.config
    again.load_state_dict(net.state_dict())


def test_a_decoder_with_other_stages_than_the_encoder_is_refused():
    with pytest.raises(ConfigError, match="does not fit"):
        ModulatedAdaINConfig(ENCODER, widths=(6, 5), blocks=(1, 1))


def test_an_unknown_way_of_matching_is_refused():
    with pytest.raises(ConfigError, match="comatch"):
        replace(CONFIG, match="gram")
