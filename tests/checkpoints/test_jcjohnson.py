"""jcjohnson/fast-neural-style checkpoints against a forward pass written from the definition of its layers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import UnsupportedCheckpointError
from brushwork.core.normalization import PRESETS

WIDTHS = (4, 6, 8)
PADDINGS = {"reflect": "SpatialReflectionPadding", "replicate": "SpatialReplicationPadding"}


@pytest.fixture
def build(t7):
    """build(padding_type, instance=True, …) → (checkpoint to save, forward in float64)."""

    def make(padding_type="reflect-start", instance=True, blocks=2, matrix=False, upsample="u"):
        steps = []  # (function of a float64 picture), in order
        modules = []

        def pad(kind, p):
            sides = dict.fromkeys(("pad_l", "pad_r", "pad_t", "pad_b"), p)
            return t7.module(f"nn.{PADDINGS[kind]}", **sides), lambda x: F.pad(x, (p,) * 4, mode=kind)

        def conv(inner, outer, k, stride, p):
            w, b = torch.randn(outer, inner, k, k) / (inner * k * k) ** 0.5, torch.randn(outer) * 0.2
            geometry = {"kW": k, "kH": k, "dW": stride, "dH": stride, "padW": p, "padH": p}
            planes = {"nInputPlane": inner, "nOutputPlane": outer}
            kind = "nn.SpatialConvolutionMM" if matrix else "nn.SpatialConvolution"
            stored = w.reshape(outer, -1) if matrix else w
            module = t7.module(kind, weight=stored, bias=b, **geometry, **planes)
            return module, lambda x: F.conv2d(F.pad(x, (p,) * 4), w.double(), b.double(), stride)

        def full(inner, outer):
            w, b = torch.randn(inner, outer, 3, 3) / (inner * 2.25) ** 0.5, torch.randn(outer) * 0.2
            geometry = {"kW": 3, "kH": 3, "dW": 2, "dH": 2, "padW": 1, "padH": 1, "adjW": 1, "adjH": 1}
            module = t7.module("nn.SpatialFullConvolution", weight=w, bias=b, **geometry)

            def run(x):  # every input pixel paints a 3×3 stamp at twice its place, minus the padding of 1
                height, width = x.shape[2:]
                canvas = x.new_zeros(x.shape[0], outer, 2 * height + 2, 2 * width + 2)
                for i in range(3):
                    for j in range(3):
                        stamp = torch.einsum("bchw,co->bohw", x, w[:, :, i, j].double())
                        canvas[:, :, i : i + 2 * height : 2, j : j + 2 * width : 2] += stamp
                return canvas[:, :, 1 : 2 * height + 1, 1 : 2 * width + 1] + b.double()[:, None, None]

            return module, run

        def norm(width):
            weight, bias = torch.rand(width) + 0.5, torch.randn(width) * 0.3
            mean, var = torch.randn(width) * 0.1, torch.rand(width) + 0.5
            if instance:
                module = t7.module("nn.InstanceNormalization", weight=weight, bias=bias, eps=1e-5, nOutput=width)
            else:
                statistics = {"running_mean": mean, "running_var": var}
                module = t7.module("nn.SpatialBatchNormalization", weight=weight, bias=bias, eps=1e-5, **statistics)

            def run(x):
                m, v = mean.double()[:, None, None], var.double()[:, None, None]
                if instance:
                    m, v = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
                x = (x - m) / (v + 1e-5).sqrt()
                return x * weight.double()[:, None, None] + bias.double()[:, None, None]

            return module, run

        def relu():
            return t7.module("nn.ReLU", inplace=True), F.relu

        def add(*pairs):
            for module, run in pairs:
                modules.append(module)
                steps.append(run)

        def c9(inner, outer):
            if padding_type in PADDINGS:
                add(pad(padding_type, 4), conv(inner, outer, 9, 1, 0))
            else:
                add(conv(inner, outer, 9, 1, 4))

        def block(width):
            p = 1 if padding_type == "zero" else 0
            front = [pad(padding_type, 1)] if padding_type in PADDINGS else []
            inner = [*front, conv(width, width, 3, 1, p), norm(width), relu()]
            inner += [*front, conv(width, width, 3, 1, p), norm(width)]
            shaves = padding_type in ("none", "reflect-start")
            skip = t7.module("nn.ShaveImage", size=2) if shaves else t7.module("nn.Identity")
            body = t7.module("nn.Sequential", modules=[module for module, _ in inner])
            both = t7.module("nn.ConcatTable", modules=[body, skip])

            def run(x):
                y = x
                for _, step in inner:
                    y = step(y)
                return y + (x[..., 2:-2, 2:-2] if shaves else x)

            return t7.module("nn.Sequential", modules=[both, t7.module("nn.CAddTable")]), run

        a, b, c = WIDTHS
        if padding_type in ("reflect-start", "none"):
            # "none" has no padding in its file; Brushwork adds what the size of the picture needs
            first = pad("reflect", 8 * blocks)
            steps.append(first[1])
            modules.extend([first[0]] if padding_type == "reflect-start" else [])
        c9(3, a)
        add(norm(a), relu(), conv(a, b, 3, 2, 1), norm(b), relu(), conv(b, c, 3, 2, 1), norm(c), relu())
        add(*(block(c) for _ in range(blocks)))
        if upsample == "u":
            add(full(c, b), norm(b), relu(), full(b, a), norm(a), relu())
        else:
            add((t7.module("nn.SpatialUpSamplingNearest", scale_factor=2), None), norm(c), relu())
        c9(a, 3)
        modules.append(t7.module("nn.Tanh"))
        modules.append(t7.module("nn.MulConstant", constant_scalar=150))
        modules.append(t7.module("nn.TotalVariation", strength=1e-6))

        def forward(x):
            for step in steps:
                x = step(x)
            return torch.tanh(x) * 150

        model = t7.module("nn.Sequential", modules=modules)
        options = {"padding_type": padding_type, "preprocessing": "vgg", "use_instance_norm": int(instance)}
        return {"opt": options, "model": model, "loss_history": {"pixel": [1.0, 0.5]}}, forward

    return make


def caffe(image):
    """BGR, 0..255, minus the means of VGG's training set."""
    return image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68], dtype=image.dtype).view(1, 3, 1, 1)


@pytest.mark.parametrize("instance", [True, False], ids=["instance", "batch"])
@pytest.mark.parametrize("padding_type", ["reflect-start", "none", "reflect", "replicate", "zero"])
def test_numbers_agree_with_the_definition(tmp_path, t7, build, padding_type, instance):
    checkpoint, forward = build(padding_type, instance)
    path = tmp_path / "candy.t7"
    t7.write(path, checkpoint)
    model = load_checkpoint(path)
    assert model.spec.normalization == PRESETS["caffe"]
    assert model.spec.style_names == ("candy",)
    image = torch.rand(2, 3, 28, 36, dtype=torch.float64)
    want = forward(caffe(image))
    assert want.shape == image.shape
    got = model.network.double()(caffe(image))
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()
    picture = load_checkpoint(path)(image.float()).double()
    means = torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(1, 3, 1, 1)
    assert (picture * 255 - (want + means).flip(1).clamp(0, 255)).abs().max() <= 0.05


def test_weights_as_matrix_and_old_statistics(tmp_path, t7, build):
    checkpoint, forward = build(instance=False, matrix=True)
    for module in checkpoint["model"].fields["modules"]:
        if module.kind == "nn.SpatialBatchNormalization":
            variance = module.fields.pop("running_var")
            module.fields["running_std"] = (variance.double() + 1e-5).rsqrt()  # what nn called running_std
    t7.write(tmp_path / "a.t7", checkpoint)
    image = torch.rand(1, 3, 20, 20, dtype=torch.float64)
    got = load_checkpoint(tmp_path / "a.t7").network.double()(caffe(image))
    assert (got - forward(caffe(image))).abs().max() <= 1e-4


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (41, 30)])
def test_any_size_comes_back(tmp_path, t7, build, size):
    t7.write(tmp_path / "a.t7", build()[0])
    assert load_checkpoint(tmp_path / "a.t7")(torch.rand(1, 3, *size)).shape[-2:] == size


def test_nearest_upsampling_of_that_code_is_explained(tmp_path, t7, build):
    t7.write(tmp_path / "a.t7", build(upsample="U")[0])
    with pytest.raises(UnsupportedCheckpointError, match="SpatialUpSamplingNearest"):
        load_checkpoint(tmp_path / "a.t7")


def test_another_network_is_explained(tmp_path, t7):
    layers = [t7.module("nn.Linear", weight=torch.zeros(2, 2)), t7.module("nn.LogSoftMax")]
    t7.write(tmp_path / "a.t7", t7.module("nn.Sequential", modules=layers))
    with pytest.raises(UnsupportedCheckpointError, match="LogSoftMax"):
        load_checkpoint(tmp_path / "a.t7")


def test_damage(tmp_path, t7, build, survives_damage):
    t7.write(tmp_path / "a.t7", build(blocks=1)[0])
    survives_damage(tmp_path / "a.t7", flips=150)
