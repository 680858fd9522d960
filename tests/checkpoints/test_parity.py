"""Random weights in the published layouts, through our loader and network, against the papers written out here.

The networks below are plain functions of tensors under the foreign names; they share no code with the pack.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.checkpoints import load_checkpoint

SIZES = [(48, 48), (45, 54)]


def conv(w, name, x, stride=1):
    weight = w[f"{name}.weight"]
    half = weight.shape[-1] // 2
    groups = x.shape[1] // weight.shape[1]
    x = F.pad(x, (half,) * 4, mode="reflect") if half else x
    return F.conv2d(x, weight, w[f"{name}.bias"], stride, groups=groups)


def normalized(x):
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


def norm(w, name, x):
    weight, bias = (w[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
    return normalized(x) * weight + bias


def double(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def examples(w, x, ups=("deconv1.conv2d", "deconv2.conv2d", "deconv3.conv2d"), norm=norm):
    for i in (1, 2, 3):
        x = norm(w, f"in{i}", conv(w, f"conv{i}.conv2d", x, 1 if i == 1 else 2)).relu()
    for i in range(1, 6):
        y = norm(w, f"res{i}.in1", conv(w, f"res{i}.conv1.conv2d", x)).relu()
        x = x + norm(w, f"res{i}.in2", conv(w, f"res{i}.conv2.conv2d", y))
    x = norm(w, "in4", conv(w, ups[0], double(x))).relu()
    x = norm(w, "in5", conv(w, ups[1], double(x))).relu()
    return conv(w, ups[2], x)


def rrmina(w, x):
    def layer(name, x, stride=1):
        return norm(w, f"{name}.norm_layer", conv(w, f"{name}.conv_layer", x, stride))

    for i in range(3):
        x = layer(f"ConvBlock.{2 * i}", x, 1 if i == 0 else 2).relu()
    for i in range(sum(f"ResidualBlock.{i}.conv1.conv_layer.bias" in w for i in range(9))):
        y = layer(f"ResidualBlock.{i}.conv2", layer(f"ResidualBlock.{i}.conv1", x).relu())
        if f"ResidualBlock.{i}.conv3.conv_layer.bias" in w:
            y = layer(f"ResidualBlock.{i}.conv3", y.relu())
        x = x + y
    for i in (0, 2):
        name = f"DeconvBlock.{i}.conv_transpose"
        x = F.conv_transpose2d(x, w[f"{name}.weight"], w[f"{name}.bias"], 2, 1, 1)
        x = norm(w, f"DeconvBlock.{i}.norm_layer", x).relu()
    return conv(w, "DeconvBlock.4.conv_layer", x)


def msg_net(w, x, style):
    def block(name, x, stride=1, up=False):
        y = conv(w, f"{name}.conv_block.2", normalized(x).relu())
        y = normalized(y).relu()
        y = conv(w, f"{name}.conv_block.5.conv2d", double(y) if up else y, stride)
        y = conv(w, f"{name}.conv_block.8", normalized(y).relu())
        if up:
            x = conv(w, f"{name}.residual_layer.conv2d", double(x))
        elif f"{name}.residual_layer.weight" in w:
            x = conv(w, f"{name}.residual_layer", x, stride)
        return x + y

    def encode(x):
        x = normalized(conv(w, "model.0.0.conv2d", x)).relu()
        return block("model.0.4", block("model.0.3", x, 2), 2)

    f, s = encode(x), encode(style)[0].flatten(1)
    gram = s @ s.T / (s.shape[0] * s.shape[1])
    x = (f.flatten(2).transpose(1, 2) @ w["model.1.weight"][0] @ gram).transpose(1, 2).reshape(f.shape)
    for i in range(2, 8):
        x = block(f"model.{i}", x)
    x = block("model.9", block("model.8", x, up=True), up=True)
    return conv(w, "model.12.conv2d", normalized(x).relu())


VGG = [(0, 3, 3), (2, 3, 64), (5, 64, 64), (9, 64, 128), (12, 128, 128), (16, 128, 256), (19, 256, 256),
       (22, 256, 256), (25, 256, 256), (29, 256, 512)]  # fmt: skip
DECODER = [(1, 512, 256), (5, 256, 256), (8, 256, 256), (11, 256, 256), (14, 256, 128), (18, 128, 128),
           (21, 128, 64), (25, 64, 64), (28, 64, 3)]  # fmt: skip


def adain(decoder, vgg, x, style):
    def encode(x):
        x = conv(vgg, "0", x)
        for i, _, _ in VGG[1:]:
            x = conv(vgg, str(i), x).relu()
            if i in (5, 12, 25):
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        return x

    f, s = encode(x), encode(style)
    deviation = [(t.var((2, 3), unbiased=True, keepdim=True) + 1e-5).sqrt() for t in (f, s)]
    means = [t.mean((2, 3), keepdim=True) for t in (f, s)]
    x = (f - means[0]) / deviation[0] * deviation[1] + means[1]
    for i, _, _ in DECODER:
        x = conv(decoder, str(i), x)
        x = x.relu() if i != 28 else x
        x = double(x) if i in (1, 14, 21) else x
    return x


def microast(content_encoder, style_encoder, modulator, decoder, x, style):
    def layer(w, name, x, stride=1):
        return conv(w, f"{name}.conv_layer", x, stride)

    def residual(w, name, x):
        return x + layer(w, f"{name}.conv2", layer(w, f"{name}.conv1", x).relu())

    def encode(w, x):
        x = layer(w, "enc1.0", x).relu()
        x = layer(w, "enc1.4", layer(w, "enc1.2", x, 2).relu()).relu()
        x = layer(w, "enc1.8", layer(w, "enc1.6", x, 2).relu()).relu()
        x = residual(w, "enc1.10", x)
        return x, residual(w, "enc2.0", x)

    levels, x = encode(style_encoder, style), encode(content_encoder, x)[1]
    for level in (1, 0):
        s = levels[level]
        deviation = [(t.var((2, 3), unbiased=True, keepdim=True) + 1e-5).sqrt() for t in (x, s)]
        x = (x - x.mean((2, 3), keepdim=True)) / deviation[0] * deviation[1] + s.mean((2, 3), keepdim=True)
        weight = layer(modulator, f"weight{level + 1}.0", s).mean((2, 3), keepdim=True)
        bias = layer(modulator, f"bias{level + 1}.0", s).mean((2, 3), keepdim=True)
        name = f"dec{2 - level}"
        y = (weight * layer(decoder, f"{name}.conv1", x) + bias * x).relu()
        x = x + weight * layer(decoder, f"{name}.conv2", y) + bias * y
    for depthwise, pointwise in (("dec3.1", "dec3.3"), ("dec3.6", "dec3.8")):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = layer(decoder, pointwise, layer(decoder, depthwise, x).relu()).relu()
    return layer(decoder, "dec3.10", x)


def fill(shapes):
    """Weights that keep activations near 1, affine parameters near (1, 0)."""
    state = {}
    for key, shape in shapes.items():
        if len(shape) == 1:
            state[key] = 0.2 * torch.randn(shape) + (1.0 if key.endswith(("norm_layer.weight",)) else 0.0)
            state[key] += 1.0 if ".in" in f".{key}" and key.endswith("weight") else 0.0
        else:
            fan = shape[1] * shape[2] * shape[3] if len(shape) == 4 else shape[-1]
            state[key] = torch.randn(shape) * (2 / fan) ** 0.5
    return state


def add_conv(shapes, name, channels, width, kernel):
    shapes |= {f"{name}.weight": (width, channels, kernel, kernel), f"{name}.bias": (width,)}


def add_norm(shapes, name, width):
    shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def examples_layout(widths=(32, 64, 128), ups=("deconv1.conv2d", "deconv2.conv2d", "deconv3.conv2d")):
    a, b, c = widths
    shapes: dict[str, tuple] = {}
    for i, (m, n, k) in enumerate([(3, a, 9), (a, b, 3), (b, c, 3)], 1):
        add_conv(shapes, f"conv{i}.conv2d", m, n, k)
        add_norm(shapes, f"in{i}", n)
    for i in range(1, 6):
        for j in (1, 2):
            add_conv(shapes, f"res{i}.conv{j}.conv2d", c, c, 3)
            add_norm(shapes, f"res{i}.in{j}", c)
    for i, (up, m, n) in enumerate(zip(ups[:2], (c, b), (b, a), strict=True), 4):
        add_conv(shapes, up, m, n, 3)
        add_norm(shapes, f"in{i}", n)
    add_conv(shapes, ups[2], a, 3, 9)
    return shapes


def rrmina_layout(widths=(32, 64, 128), blocks=5, inner=0):
    a, b, c = widths
    shapes: dict[str, tuple] = {}
    for i, (m, n, k) in enumerate([(3, a, 9), (a, b, 3), (b, c, 3)]):
        add_conv(shapes, f"ConvBlock.{2 * i}.conv_layer", m, n, k)
        add_norm(shapes, f"ConvBlock.{2 * i}.norm_layer", n)
    plan = [(c, inner, 1), (inner, inner, 3), (inner, c, 1)] if inner else [(c, c, 3)] * 2
    for i in range(blocks):
        for j, (m, n, k) in enumerate(plan, 1):
            add_conv(shapes, f"ResidualBlock.{i}.conv{j}.conv_layer", m, n, k)
            add_norm(shapes, f"ResidualBlock.{i}.conv{j}.norm_layer", n)
    for i, (m, n) in ((0, (c, b)), (2, (b, a))):
        shapes[f"DeconvBlock.{i}.conv_transpose.weight"] = (m, n, 3, 3)
        shapes[f"DeconvBlock.{i}.conv_transpose.bias"] = (n,)
        add_norm(shapes, f"DeconvBlock.{i}.norm_layer", n)
    add_conv(shapes, "DeconvBlock.4.conv_layer", a, 3, 9)
    return shapes


def msg_net_layout(ngf=128, blocks=6):
    shapes: dict[str, tuple] = {}

    def block(name, channels, inner, shortcut=""):
        if shortcut:
            add_conv(shapes, f"{name}.{shortcut}", channels, 4 * inner, 1)
        add_conv(shapes, f"{name}.conv_block.2", channels, inner, 1)
        add_conv(shapes, f"{name}.conv_block.5.conv2d", inner, inner, 3)
        add_conv(shapes, f"{name}.conv_block.8", inner, 4 * inner, 1)

    add_conv(shapes, "model.0.0.conv2d", 3, 64, 7)
    block("model.0.3", 64, 32, "residual_layer")
    block("model.0.4", 128, ngf, "residual_layer")
    shapes["model.1.weight"] = (1, 4 * ngf, 4 * ngf)
    for i in range(blocks):
        block(f"model.{2 + i}", 4 * ngf, ngf)
    block(f"model.{2 + blocks}", 4 * ngf, 32, "residual_layer.conv2d")
    block(f"model.{3 + blocks}", 128, 16, "residual_layer.conv2d")
    add_conv(shapes, f"model.{6 + blocks}.conv2d", 64, 3, 7)
    return shapes


def widen(state):
    return {key: tensor.double() for key, tensor in state.items()}


def agree(model, reference, style=None, reach=255.0):
    """Both bars: 1e-6 relative in float64, 0.05 of 255 in float32, on even and odd sizes."""
    for size in SIZES:
        picture = torch.rand(1, 3, *size)
        expected = reference(picture.double())[..., : size[0], : size[1]]
        spec = model.spec.normalization
        for dtype in (torch.float64, torch.float32):
            model.network.to(dtype)
            with torch.inference_mode():
                code = model.encode(style)
                out = model.network(spec.encode(picture.to(dtype)), code)[..., : size[0], : size[1]]
                out = spec.decode(out)
            error = (out.double() - expected).abs().max().item()
            if dtype == torch.float64:
                assert error <= 1e-6 * expected.abs().max().item()
            assert error * reach <= 0.05
        assert torch.allclose(model(picture, style).double(), expected.clamp(0, 1), atol=0.05 / 255)


def ranged(network, scale=255.0):
    """RGB 0..scale in and out."""
    return lambda picture: network(picture * scale) / scale


def bgr(network):
    return lambda picture: network(picture.flip(1) * 255).flip(1) / 255


@pytest.mark.parametrize("legacy", [False, True], ids=["new", "2017"])
@pytest.mark.parametrize("widths", [(32, 64, 128), (16, 32, 64)], ids=str)
def test_pytorch_examples(tmp_path, legacy, widths):
    state = fill(examples_layout(widths))
    state["deconv3.conv2d.weight"] *= 40  # a picture's range instead of ±1
    w = widen(state)
    stored = dict(state)
    if legacy:  # instance normalization of 2017 saved statistics that it never used
        for key in [k for k in state if ".in" in f".{k}" and k.endswith("weight")]:
            stored[key.replace("weight", "running_mean")] = torch.randn_like(state[key])
            stored[key.replace("weight", "running_var")] = torch.rand_like(state[key])
    torch.save(stored, tmp_path / "candy.pth", _use_new_zipfile_serialization=not legacy)
    model = load_checkpoint(tmp_path / "candy.pth")
    assert model.spec.style_names == ("candy",)
    assert model.spec.hyperparameters["norm"] == "instance"
    agree(model, ranged(lambda x: examples(w, x)))


def test_batch_normalization_is_recognised_by_its_three_statistics(tmp_path):
    state = fill(examples_layout((8, 12, 16)))
    for key in [k for k in state if ".in" in f".{k}" and k.endswith("weight")]:
        state[key.replace("weight", "running_mean")] = torch.randn_like(state[key])
        state[key.replace("weight", "running_var")] = torch.rand_like(state[key]) + 0.5
        state[key.replace("weight", "num_batches_tracked")] = torch.tensor(7)
    w = widen(state)

    def trained(w, name, x):
        mean, var, weight, bias = (
            w[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    torch.save(state, tmp_path / "vanilla.pth")
    model = load_checkpoint(tmp_path / "vanilla.pth")
    assert model.spec.hyperparameters["norm"] == "batch"
    agree(model, ranged(lambda x: examples(w, x, norm=trained)), reach=1.0)


def test_gordicaleksa(tmp_path):
    ups = ("up1.conv2d.conv2d", "up2.conv2d.conv2d", "up3.conv2d")
    state = fill(examples_layout(ups=ups))
    w = widen(state)
    torch.save({"commit_hash": "abc", "style_weight": 4e5, "state_dict": state}, tmp_path / "mosaic.pth")
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)[:, None, None]
    agree(load_checkpoint(tmp_path / "mosaic.pth"), lambda x: examples(w, (x - mean) / std, ups) * std + mean)


@pytest.mark.parametrize(
    ("widths", "blocks", "inner"), [((32, 64, 128), 5, 0), ((32, 64, 128), 5, 64), ((16, 16, 16), 3, 8)], ids=str
)
def test_rrmina(tmp_path, widths, blocks, inner):
    state = fill(rrmina_layout(widths, blocks, inner))
    w = widen(state)
    torch.save(state, tmp_path / "mosaic.pth")
    agree(load_checkpoint(tmp_path / "mosaic.pth"), bgr(lambda x: rrmina(w, x)))


def test_msg_net(tmp_path):
    """The published file: the encoder and CoMatch twice, and statistics that nothing used."""
    state = fill(msg_net_layout())
    state["model.1.weight"] = torch.rand(1, 512, 512) + 100 * torch.eye(512)  # far from symmetric in effect
    w = widen(state)
    stored = {key.replace("model.0.", "model1."): t for key, t in state.items() if key.startswith("model.0.")}
    stored |= {"ins.weight": state["model.1.weight"], **state}
    stored["model.4.conv_block.3.running_mean"] = torch.randn(128)
    stored["model.4.conv_block.3.running_var"] = torch.rand(128)
    torch.save(stored, tmp_path / "21styles.model")
    model = load_checkpoint(tmp_path / "21styles.model")
    assert model.style_kind == "image"
    style = torch.rand(1, 3, 37, 50)
    agree(model, bgr(lambda x: msg_net(w, x, style.double().flip(1) * 255)), style)


def test_msg_net_of_other_widths(tmp_path):
    torch.save(fill(msg_net_layout(ngf=8, blocks=2)), tmp_path / "small.model")
    hyperparameters = load_checkpoint(tmp_path / "small.model").spec.hyperparameters
    assert (hyperparameters["width"], hyperparameters["blocks"]) == (8, 2)


@pytest.mark.parametrize("swapped", [False, True])
def test_adain(tmp_path, swapped):
    shapes: tuple[dict, dict] = ({}, {})
    for target, plan in zip(shapes, (DECODER, VGG), strict=True):
        for number, channels, width in plan:
            add_conv(target, str(number), channels, width, 1 if number == 0 else 3)
    for number in (32, 35, 38, 42, 45, 48, 51):  # in the published file, unused: their sizes do not matter
        add_conv(shapes[1], str(number), 4, 4, 3)
    decoder, vgg = fill(shapes[0]), fill(shapes[1])
    files = (tmp_path / "decoder.pth.tar", tmp_path / "vgg_normalised.pth")
    for file, state in zip(files, (decoder, vgg), strict=True):
        torch.save(state, file)
    model = load_checkpoint(*(files[::-1] if swapped else files))
    style = torch.rand(1, 3, 41, 57)
    agree(model, lambda x: adain(widen(decoder), widen(vgg), x, style.double()), style)


def microast_layout(a=6, b=12, c=24):
    encoder: dict[str, tuple] = {}
    for name, m, n, k in (("0", 3, a, 9), ("2", 1, b, 3), ("4", b, b, 1), ("6", 1, c, 3), ("8", c, c, 1)):
        add_conv(encoder, f"enc1.{name}.conv_layer", m, n, k)
    modulator: dict[str, tuple] = {}
    for name in ("weight1", "bias1", "weight2", "bias2"):
        add_conv(modulator, f"{name}.0.conv_layer", 1, c, 3)
    decoder: dict[str, tuple] = {}
    for i in (1, 2):
        add_conv(encoder, f"{'enc1.10' if i == 1 else 'enc2.0'}.conv1.conv_layer", c, c, 3)
        add_conv(encoder, f"{'enc1.10' if i == 1 else 'enc2.0'}.conv2.conv_layer", c, c, 3)
        add_conv(decoder, f"dec{i}.conv1.conv_layer", c, c, 3)
        add_conv(decoder, f"dec{i}.conv2.conv_layer", c, c, 3)
    for name, m, n, k in (("1", c // b, b, 3), ("3", b, b, 1), ("6", b // a, a, 3), ("8", a, a, 1), ("10", a, 3, 9)):
        add_conv(decoder, f"dec3.{name}.conv_layer", m, n, k)
    return {"content_encoder": encoder, "style_encoder": encoder, "modulator": modulator, "decoder": decoder}


def test_microast(tmp_path):
    parts = {name: fill(shapes) for name, shapes in microast_layout().items()}
    for name, state in parts.items():
        torch.save(state, tmp_path / f"{name}_iter_160000.pth.tar")
    (tmp_path / "LICENSE").write_text("MIT")
    model = load_checkpoint(tmp_path)
    assert model.spec.hyperparameters == {"widths": [6, 12, 24]}
    style = torch.rand(1, 3, 33, 40)
    w = [widen(state) for state in parts.values()]
    agree(model, lambda x: microast(*w, x, style.double()), style)
    named = load_checkpoint(*sorted(tmp_path.glob("*.tar"), reverse=True))
    picture = torch.rand(1, 3, 24, 24)
    assert torch.equal(named(picture, style), load_checkpoint(tmp_path)(picture, style))
