"""ONNX exports of fast_neural_style, read without onnx, against the network that was exported."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.readers import onnx as reader
from brushwork.core.errors import CheckpointError, UnsupportedCheckpointError
from brushwork.core.normalization import PRESETS
from torch import nn

SIZE = (24, 32)


class Style(nn.Module):
    """Johnson et al. 2016 with instance norm; `spelled` writes norm and upsampling out as onnx.js needs them."""

    def __init__(self, widths=(4, 6, 8), blocks=2, spelled=False, before=None, after=None):
        super().__init__()
        a, b, c = widths
        self.spelled, self.before, self.after = spelled, before, after
        shapes = [(3, a, 9, 1), (a, b, 3, 2), (b, c, 3, 2), *[(c, c, 3, 1)] * (2 * blocks)]
        shapes += [(c, b, 3, 1), (b, a, 3, 1), (a, 3, 9, 1)]
        self.convs = [nn.Conv2d(i, o, k, s) for i, o, k, s in shapes]
        self.norms = [nn.InstanceNorm2d(conv.out_channels, affine=True) for conv in self.convs[:-1]]
        self.layers = nn.ModuleList([*self.convs, *self.norms])
        for norm in self.norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, std=0.3)

    def layer(self, x, i):
        conv = self.convs[i]
        x = conv(F.pad(x, (conv.kernel_size[0] // 2,) * 4, mode="reflect"))
        if conv is self.convs[-1]:
            return x
        norm = self.norms[i]
        if not self.spelled:
            return norm(x)
        flat = (1, conv.out_channels, 1, -1)
        centred = x - x.reshape(flat).mean(3, keepdim=True)
        variance = (centred * centred).reshape(flat).mean(3, keepdim=True)
        x = centred / (variance + 1e-5).sqrt()
        return x * norm.weight.reshape(-1, conv.out_channels, 1, 1) + norm.bias.reshape(-1, conv.out_channels, 1, 1)

    def double_size(self, x):
        if not self.spelled:
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        _, channels, height, width = (int(side) for side in x.shape)
        x = x.reshape(-1, 1)
        x = torch.cat([x, x + 0.0], 1).reshape(-1, 2 * width)
        return torch.cat([x, x], 1).reshape(-1, channels, 2 * height, 2 * width)

    def forward(self, x):
        x = self.before(x) if self.before else x
        for i in range(3):
            x = F.relu(self.layer(x, i))
        for i in range(3, len(self.convs) - 3, 2):
            x = x + self.layer(F.relu(self.layer(x, i)), i + 1)
        for i in (-3, -2):
            x = F.relu(self.layer(self.double_size(x), len(self.convs) + i))
        x = self.layer(x, len(self.convs) - 1)
        return self.after(x) if self.after else x


def export(network, path, opset=11, **options):
    """By the exporter that most files in circulation come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), (torch.rand(1, 3, *SIZE) * 255,), path, opset_version=opset, dynamo=False, **options
        )
    return path


@pytest.fixture
def network():
    network = Style()
    with torch.no_grad():  # answers around 120 ± 60, as a trained network does
        for name, parameter in network.convs[-1].named_parameters():
            parameter.mul_(60).add_(120 if name == "bias" else 0)
    return network


def agrees(path, network):
    """Both bars: float64 inside, float32 on a 0..255 scale."""
    model = load_checkpoint(path)
    assert model.spec.normalization == PRESETS["raw255"]
    image = torch.rand(1, 3, *SIZE, dtype=torch.float64)
    with torch.no_grad():
        want = network.double()(image * 255)
    got = model.network.double()(image * 255)
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()
    picture = load_checkpoint(path)(image.float())
    assert (picture * 255 - want.clamp(0, 255)).abs().max() <= 0.05


@pytest.mark.parametrize("opset", [9, 10, 11, 13, 17])
def test_opsets(tmp_path, network, opset):
    agrees(export(network, tmp_path / "candy.onnx", opset), network)


@pytest.mark.parametrize("spelled", [False, True])
@pytest.mark.parametrize("folding", [False, True])
def test_spelled_out_and_unfolded_graphs(tmp_path, network, spelled, folding):
    network.spelled = spelled
    agrees(export(network, tmp_path / "a.onnx", do_constant_folding=folding), network)


def test_free_sizes(tmp_path, network):
    axes = {"x": {2: "h", 3: "w"}, "y": {2: "h", 3: "w"}}
    path = tmp_path / "a.onnx"
    agrees(export(network, path, 9, input_names=["x"], output_names=["y"], dynamic_axes=axes), network)


def test_upsampling_by_attribute_as_opset_7_has_it(tmp_path, network):
    onnx = pytest.importorskip("onnx")
    path = export(network, tmp_path / "a.onnx", 9)
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "Upsample":
            del node.input[1:]
            node.attribute.append(onnx.helper.make_attribute("scales", [1.0, 1.0, 2.0, 2.0]))
    model.opset_import[0].version = 7
    onnx.save(model, path)
    agrees(path, network)


def test_weights_beside_the_file(tmp_path, network):
    onnx = pytest.importorskip("onnx")
    path = export(network, tmp_path / "a.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="a.data", size_threshold=16)
    agrees(path, network)
    (tmp_path / "a.data").write_bytes(b"short")
    with pytest.raises(CheckpointError, match="ends at 5"):
        load_checkpoint(path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../a.data" if entry.key == "location" else entry.value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="not a file beside it"):
        load_checkpoint(path)


def test_typed_fields_and_half_precision(tmp_path):
    onnx = pytest.importorskip("onnx")
    make = onnx.helper.make_tensor
    weights = [
        make("f", onnx.TensorProto.FLOAT, [2], [1.5, -2]),
        make("d", onnx.TensorProto.DOUBLE, [1], [0.25]),
        make("i", onnx.TensorProto.INT64, [2], [-1, 7]),
        make("b", onnx.TensorProto.BOOL, [2], [True, False]),
        make("h", onnx.TensorProto.FLOAT16, [2], [0.5, -3.0]),
        make("s", onnx.TensorProto.STRING, [1], [b"text"]),
    ]
    graph = onnx.helper.make_graph([], "g", [], [], initializer=weights)
    (tmp_path / "a.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    tensors = reader.read(tmp_path / "a.onnx").tensors
    found = {name: tensor.tolist() for name, tensor in tensors.items()}
    assert found == {"f": [1.5, -2], "d": [0.25], "i": [-1, 7], "b": [True, False], "h": [0.5, -3]}
    assert tensors["h"].dtype == torch.float16


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid()), "Sigmoid"),
        (lambda: Style(before=lambda x: x / 255), "Div"),
        (lambda: Style(before=lambda x: x - 128.0), "Sub"),
        (lambda: Style(after=lambda x: x * 40), "Mul"),
        (lambda: Style(after=torch.tanh), "Tanh"),
        (lambda: Style(blocks=0).convs[0], "1 convolutions"),
    ],
    ids=["sigmoid", "div", "sub", "scaled", "tanh", "small"],
)
def test_another_network_is_explained(tmp_path, build, words):
    path = export(build(), tmp_path / "a.onnx")
    with pytest.raises(UnsupportedCheckpointError, match=words) as caught:
        load_checkpoint(path)
    assert "Conv" in caught.value.got
    assert caught.value.do


def test_damage(tmp_path, survives_damage):
    survives_damage(export(Style((2, 2, 2), 1), tmp_path / "a.onnx"), flips=150)


@pytest.mark.parametrize("name", ["candy_nc16_256x256_onnxjs013", "mosaic_nc8_256x256"])
def test_real_files_against_onnxruntime(shared, name):
    runtime = pytest.importorskip("onnxruntime")
    path = shared / "checkpoints" / "onnx" / f"{name}.onnx"
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    image = torch.rand(1, 3, 256, 256)
    (want,) = session.run(None, {session.get_inputs()[0].name: (image * 255).numpy()})
    assert (load_checkpoint(path)(image) * 255 - torch.from_numpy(want).clamp(0, 255)).abs().max() <= 0.05
