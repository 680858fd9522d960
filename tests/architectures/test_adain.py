"""AdaIN against its formulas: statistics, α, mixing of styles, masks, and the mirrored decoder."""

from __future__ import annotations

import pytest
import torch
from brushwork.core.architectures import AdaINConfig, AdaINNet, StyleCode
from brushwork.core.architectures.adain import REFERENCE_ENCODER, Decoder, adaptive_instance_normalization
from brushwork.core.architectures.vgg import VGGConfig


def adain(content, style):
    """Equation 8, one channel at a time, for one picture each."""
    out = torch.empty_like(content)
    for c in range(content.shape[0]):
        x, y = content[c], style[c]
        n, m = x.numel(), y.numel()
        x_std = (((x - x.mean()) ** 2).sum() / (n - 1) + 1e-5).sqrt()
        y_std = (((y - y.mean()) ** 2).sum() / (m - 1) + 1e-5).sqrt()
        out[c] = y_std * (x - x.mean()) / x_std + y.mean()
    return out


@pytest.fixture
def net() -> AdaINNet:
    widths = ((4, 4), (6,), (8,))
    return AdaINNet(AdaINConfig(VGGConfig(widths, "reflect", ceil_pool=True))).double()


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64)


def test_output_has_the_styles_statistics():
    x = torch.randn(2, 5, 9, 11, dtype=torch.float64) * 3 + 1
    mean, std = torch.randn(1, 5, 1, 1).double(), torch.rand(1, 5, 1, 1).double() + 0.5
    out = adaptive_instance_normalization(x, mean, std)
    assert torch.allclose(out.mean((2, 3), keepdim=True), mean.expand(2, -1, -1, -1))
    assert torch.allclose(out.std((2, 3), keepdim=True), std.expand(2, -1, -1, -1), rtol=1e-5)


def test_transfer_is_equation_8(net):
    content, style = picture(1, 3, 17, 22), picture(1, 3, 30, 13)
    features = net.encode(content)
    out = net.transfer(features, StyleCode(torch.ones(1, 1), net.encode_style(style)))
    assert torch.allclose(out[0], adain(features[0], net.encode(style)[0]))


def test_alpha_mixes_with_the_content_features(net):
    content, style = picture(1, 3, 17, 22), picture(1, 3, 30, 13)
    features, code = net.encode(content), net.encode_style(style)
    full = adain(features[0], net.encode(style)[0])
    for alpha in (0.0, 0.3, 1.0):
        out = net.transfer(features, StyleCode(torch.ones(1, 1), code, alpha))
        assert torch.allclose(out[0], alpha * full + (1 - alpha) * features[0])
    assert torch.equal(net(content, StyleCode(torch.ones(1, 1), code, 0.0)), net.decoder(features))


def test_several_styles_mix_as_equation_15(net):
    content, styles = picture(2, 3, 17, 22), picture(3, 3, 30, 13)
    features, others = net.encode(content), net.encode(styles)
    weights = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    out = net.transfer(features, StyleCode(weights, net.encode_style(styles)))
    for i in range(2):
        expected = sum(w * adain(features[i], s) for w, s in zip(weights[i].double(), others, strict=True))
        assert torch.allclose(out[i], expected, rtol=1e-6, atol=1e-7)


def test_masks_choose_per_position(net):
    content, styles = picture(1, 3, 16, 32), picture(2, 3, 24, 24)
    features, others = net.encode(content), net.encode(styles)
    left = torch.zeros(1, 2, 16, 32)
    left[:, 0, :, :16] = 1
    left[:, 1, :, 16:] = 1
    out = net.transfer(features, StyleCode(left, net.encode_style(styles)))[0]
    first, second = (adain(features[0], s) for s in others)
    assert torch.allclose(out[..., :3], first[..., :3])  # column 4 of 8 is where the mask is smoothed
    assert torch.allclose(out[..., 5:], second[..., 5:])


@pytest.mark.parametrize("ceil_pool", [True, False])
@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_output_covers_odd_sizes(ceil_pool, padding):
    config = VGGConfig(((4,), (5, 6), (7, 7), (8,)), padding, ceil_pool=ceil_pool)
    net = AdaINNet(AdaINConfig(config)).double()
    for size in ((net.min_side, net.min_side), (23, 17), (31, 40)):
        code = StyleCode(torch.ones(1, 1), net.encode_style(picture(1, 3, *size)))
        out = net(picture(1, 3, *size), code)
        assert out.isfinite().all()
        assert out.shape[2] >= size[0]
        assert out.shape[3] >= size[1]


def test_decoder_mirrors_the_published_one():
    decoder = Decoder(REFERENCE_ENCODER)
    shapes = [tuple(decoder.get_submodule(name).weight.shape[:2]) for name in decoder.names]
    assert shapes == [
        (256, 512),
        (256, 256),
        (256, 256),
        (256, 256),
        (128, 256),
        (128, 128),
        (64, 128),
        (64, 64),
        (3, 64),
    ]
    assert [decoder.names.index(name) for name in decoder.names if name in decoder.doubled] == [0, 4, 6]


def test_config_takes_what_a_file_stores():
    config = AdaINConfig(VGGConfig(((4,), (6,)), ceil_pool=True))
    assert AdaINConfig(**config.to_dict()) == config
