"""lengstrom/fast-style-transfer against a forward pass written from its definition."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import CheckpointError
from brushwork.core.normalization import PRESETS

WIDTHS = (4, 6, 8)


def variables(blocks=2, widths=WIDTHS):
    """Random weights in TensorFlow's layouts and order: weights, shift, scale of each convolution."""
    a, b, c = widths
    shapes = [(9, 9, 3, a), (3, 3, a, b), (3, 3, b, c), *[(3, 3, c, c)] * (2 * blocks)]
    shapes += [(3, 3, b, c), (3, 3, a, b), (9, 9, a, 3)]
    found = {}
    for i, shape in enumerate(shapes):
        width = shape[2] if len(shapes) - 3 <= i < len(shapes) - 1 else shape[3]
        fan = shape[0] * shape[1] * shape[2]
        for part, tensor in enumerate(
            (torch.randn(shape) / fan**0.5, torch.randn(width) * 0.3, torch.rand(width) + 0.5)
        ):
            number = 3 * i + part
            found["Variable" if number == 0 else f"Variable_{number}"] = tensor
    return found


def forward(x, v):
    """The published network, for sides that are multiples of four, in float64."""
    v = [t.double() for t in v.values()]
    triples = [v[i : i + 3] for i in range(0, len(v), 3)]

    def norm(y, shift, scale):
        mean, var = y.mean((2, 3), keepdim=True), y.var((2, 3), keepdim=True, unbiased=False)
        return scale[:, None, None] * (y - mean) / (var + 1e-3).sqrt() + shift[:, None, None]

    def conv(y, triple, stride):
        weight, shift, scale = triple
        # SAME at stride 2 and even size: one zero row below, one column to the right
        half = weight.shape[0] // 2
        y = F.pad(y, (0, 1, 0, 1) if stride == 2 else (half,) * 4)
        return norm(F.conv2d(y, weight.permute(3, 2, 0, 1), stride=stride), shift, scale)

    def transposed(y, triple):
        weight, shift, scale = triple  # (h, w, out, in)
        stuffed = y.new_zeros(*y.shape[:2], 2 * y.shape[2], 2 * y.shape[3])
        stuffed[..., ::2, ::2] = y
        # the gradient of the SAME convolution above: out[i] = Σ in[j] w[i − 2j]
        return norm(F.conv2d(F.pad(stuffed, (2, 0, 2, 0)), weight.permute(2, 3, 0, 1).flip(2, 3)), shift, scale)

    y = F.relu(conv(x, triples[0], 1))
    y = F.relu(conv(y, triples[1], 2))
    y = F.relu(conv(y, triples[2], 2))
    for i in range(3, len(triples) - 3, 2):
        y = y + conv(F.relu(conv(y, triples[i], 1)), triples[i + 1], 1)
    y = F.relu(transposed(y, triples[-3]))
    y = F.relu(transposed(y, triples[-2]))
    return torch.tanh(conv(y, triples[-1], 1)) * 150 + 255 / 2


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_numbers_agree_with_the_definition(tmp_path, tf, kind):
    weights = variables()
    path = tmp_path / "wave.ckpt"
    # training keeps the optimizer's slots and counters in the same file
    slots = {f"{name}/Adam": torch.zeros_like(t) for name, t in weights.items()}
    getattr(tf, kind)(path, {**weights, **slots, "beta1_power": torch.tensor(0.9)})
    model = load_checkpoint(path)
    assert model.spec.normalization == PRESETS["raw255"]
    assert model.spec.style_names == ("wave",)
    x = torch.rand(2, 3, 20, 28, dtype=torch.float64)
    want = forward(x * 255, weights)
    got = model.network.double()(x * 255)
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()
    picture = load_checkpoint(path)(x.float())
    assert (picture * 255 - want.clamp(0, 255)).abs().max() <= 0.05


def test_odd_sizes_come_back_whole(tmp_path, tf):
    tf.v1(tmp_path / "a.ckpt", variables(1))
    assert load_checkpoint(tmp_path / "a.ckpt")(torch.rand(1, 3, 21, 33)).shape == (1, 3, 21, 33)


def test_the_real_wave(shared):
    model = load_checkpoint(shared / "checkpoints" / "lengstrom_wave")
    assert model.spec.hyperparameters["encoder_widths"] == (32, 64, 128)
    assert model.spec.hyperparameters["blocks"] == 5
    raw = load_checkpoint(shared / "checkpoints" / "lengstrom_wave" / "manifest.json")
    x = torch.rand(1, 3, 24, 32)
    torch.testing.assert_close(raw(x), model(x))
    assert model(x).std() > 0.05


def test_numbered_variables_of_another_network_are_explained(tmp_path, tf):
    weights = variables(1)
    weights["Variable_3"] = torch.randn(5, 5, 4, 6)
    tf.v1(tmp_path / "a.ckpt", weights)
    with pytest.raises(CheckpointError, match="convolution 2 of 8"):
        load_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_damage(tmp_path, tf, survives_damage, kind):
    path = tmp_path / "a.ckpt"
    getattr(tf, kind)(path, variables(1, (2, 2, 2)))
    file = path if kind == "v1" else tmp_path / "a.ckpt.index"
    survives_damage(file, path)
    if kind == "v2":
        survives_damage(tmp_path / "a.ckpt.data-00000-of-00001", path, flips=5)
