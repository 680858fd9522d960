"""Magenta's conditional instance normalization, as TensorFlow checkpoint and as CoreML, against its definition."""

from __future__ import annotations

import struct

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.architectures import StyleCode
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import CheckpointError, UnsupportedCheckpointError
from brushwork.core.normalization import PRESETS


def variables(blocks=2, widths=(4, 6, 8), up=(5, 3), styles=3):
    """Random weights under Magenta's names, in TensorFlow's layouts."""
    a, b, c = widths
    d, e = up
    shapes = {"contract/conv1": (9, 3, a), "contract/conv2": (3, a, b), "contract/conv3": (3, b, c)}
    for i in range(1, blocks + 1):
        shapes |= {f"residual/residual{i}/conv{j}": (3, c, c) for j in (1, 2)}
    shapes |= {"expand/conv1/conv": (3, c, d), "expand/conv2/conv": (3, d, e), "expand/conv3/conv": (9, e, 3)}
    found = {}
    for scope, (k, inner, outer) in shapes.items():
        found[f"transformer/{scope}/weights"] = torch.randn(k, k, inner, outer) / (k * k * inner) ** 0.5
        found[f"transformer/{scope}/InstanceNorm/beta"] = torch.randn(styles, outer) * 0.3
        found[f"transformer/{scope}/InstanceNorm/gamma"] = torch.rand(styles, outer) + 0.5
    return found


def forward(x, v, weights, blocks):
    """Dumoulin et al. 2017, table 1, in float64; `weights` (S,) mixes the styles."""
    v = {name: t.double() for name, t in v.items()}

    def layer(y, scope, stride=1, up=1):
        w = v[f"transformer/{scope}/weights"].permute(3, 2, 0, 1)
        y = y.repeat_interleave(up, 2).repeat_interleave(up, 3)
        y = F.conv2d(F.pad(y, (w.shape[-1] // 2,) * 4, mode="reflect"), w, stride=stride)
        mean, var = y.mean((2, 3), keepdim=True), y.var((2, 3), keepdim=True, unbiased=False)
        gamma, beta = (weights @ v[f"transformer/{scope}/InstanceNorm/{part}"] for part in ("gamma", "beta"))
        return gamma[:, None, None] * (y - mean) / (var + 1e-5).sqrt() + beta[:, None, None]

    y = F.relu(layer(x, "contract/conv1"))
    y = F.relu(layer(y, "contract/conv2", 2))
    y = F.relu(layer(y, "contract/conv3", 2))
    for i in range(1, blocks + 1):
        y = y + layer(F.relu(layer(y, f"residual/residual{i}/conv1")), f"residual/residual{i}/conv2")
    y = F.relu(layer(y, "expand/conv1/conv", up=2))
    y = F.relu(layer(y, "expand/conv2/conv", up=2))
    return torch.sigmoid(layer(y, "expand/conv3/conv"))


def mlmodel(proto, v):
    """The same weights as tf-coreml lays them out: convolutions (out, in, h, w), constants (C, styles, 1)."""

    def floats(tensor):
        return proto((1, struct.pack(f"<{tensor.numel()}f", *tensor.flatten().tolist())))

    layers = []
    for name, tensor in v.items():
        if tensor.ndim == 4:
            k, _, inner, outer = tensor.shape
            weight = floats(tensor.permute(3, 2, 0, 1))
            conv = proto((1, outer), (2, inner), (10, 1), (20, bytes((k, k))), (30, bytes((1, 1))), (90, weight))
            scope = name.removesuffix("/weights")
            layers.append(proto((1, f"{scope}/convolution_eightbit_quantized_conv:0"), (2, "x"), (100, conv)))
        else:
            constant = proto((1, bytes((tensor.shape[1], tensor.shape[0], 1))), (2, floats(tensor.T)))
            layers.append(proto((1, f"{name}:0_pre_permute"), (290, constant)))
    return proto((1, 1), (2, b""), (500, b"".join(proto((1, layer)) for layer in layers)))


@pytest.fixture(params=["v1", "v2", "mlmodel"])
def saved(request, tmp_path, tf, proto):
    """(path, variables) in each container."""
    v = variables()
    extra = {"global_step": torch.tensor(7.0), "transformer/contract/conv1/weights/Adam": torch.zeros(9, 9, 3, 4)}
    path = tmp_path / f"net.{'mlmodel' if request.param == 'mlmodel' else 'ckpt'}"
    if request.param == "mlmodel":
        path.write_bytes(mlmodel(proto, v))
    else:
        getattr(tf, request.param)(path, {**v, **extra})
    return path, v


def test_numbers_agree_with_the_definition(saved):
    path, v = saved
    model = load_checkpoint(path)
    assert model.spec.normalization == PRESETS["unit"]
    assert model.spec.style_names == ("style_00", "style_01", "style_02")
    x = torch.rand(2, 3, 20, 27, dtype=torch.float64)
    for mix in ([0.0, 1.0, 0.0], [0.2, 0.3, 0.5]):
        weights = torch.tensor(mix, dtype=torch.float64)
        want = forward(x, v, weights, 2)[..., :20, :27]
        got = model.network.double()(x, StyleCode(weights[None]))[..., :20, :27]
        assert (got - want).abs().max() <= 1e-6 * want.abs().max()
    picture = load_checkpoint(path)(x.float(), {"style_00": 0.2, "style_01": 0.3, "style_02": 0.5})
    assert (picture - want).abs().max() * 255 <= 0.05


def test_the_width_multiplier_shows_in_the_shapes(tmp_path, tf):
    tf.v1(tmp_path / "a.ckpt", variables(5, (8, 16, 32), (16, 8), 10))
    model = load_checkpoint(tmp_path / "a.ckpt")
    assert model.spec.hyperparameters["encoder_widths"] == (8, 16, 32)
    assert model.spec.hyperparameters["styles"] == 10


def test_an_incomplete_network_is_explained(tmp_path, tf):
    v = variables()
    del v["transformer/residual/residual2/conv1/InstanceNorm/beta"]
    tf.v1(tmp_path / "a.ckpt", v)
    with pytest.raises(UnsupportedCheckpointError, match="residual2/conv1/InstanceNorm/beta"):
        load_checkpoint(tmp_path / "a.ckpt")


def test_styles_that_do_not_fit_are_explained(tmp_path, tf):
    v = variables()
    v["transformer/contract/conv2/InstanceNorm/beta"] = torch.zeros(2, 6)
    tf.v1(tmp_path / "a.ckpt", v)
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "a.ckpt")


def test_damage(saved, survives_damage):
    path, _ = saved
    file = path if path.exists() else path.with_name(f"{path.name}.index")
    survives_damage(file, path)


def test_the_real_26_styles(shared):
    model = load_checkpoint(shared / "checkpoints" / "cin_stylize_v1" / "stylize.mlmodel")
    assert len(model.spec.styles) == 26
    assert model.spec.hyperparameters["encoder_widths"] == (32, 32, 32)
    assert model.spec.hyperparameters["decoder_widths"] == (8, 4)
    assert model.spec.hyperparameters["blocks"] == 6
    x = torch.rand(1, 3, 24, 24)
    pictures = torch.cat([model(x, i) for i in range(26)])
    assert torch.cdist(pictures.flatten(1), pictures.flatten(1)).add(torch.eye(26) * 9).min() > 0.5
