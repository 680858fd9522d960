"""Files that cannot be loaded: each gives a four-part error, and nothing of them is executed."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from brushwork.core.architectures import TransformerConfig, TransformerNet
from brushwork.core.checkpoints import convert_checkpoint, inspect_checkpoint, load_checkpoint, save_checkpoint
from brushwork.core.errors import (
    BrushworkError,
    CheckpointError,
    UnsafeCheckpointError,
    UnsupportedCheckpointError,
    WeightsNotFoundError,
)
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from safetensors.torch import save_file


class Evil:
    """Unpickled by the rules, this makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def refused(path: Path, kind: type[BrushworkError] = CheckpointError, *companions: Path) -> BrushworkError:
    with pytest.raises(kind) as caught:
        load_checkpoint(path, *companions)
    error = caught.value
    assert all((error.what, error.expected, error.got, error.do))
    return error


@pytest.fixture
def native(tmp_path) -> Path:
    hyperparameters = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1}
    network = TransformerNet(TransformerConfig(**hyperparameters))
    spec = ModelSpec("transformer_net", hyperparameters, styles=(StyleInfo("candy"),))
    return save_checkpoint(StyleModel(network, spec), tmp_path / "native.safetensors")


@pytest.fixture
def candy() -> dict[str, torch.Tensor]:
    """The layout of pytorch/examples, tiny."""
    state = {}
    for name, shape in {
        "conv1.conv2d": (4, 3, 9, 9), "conv2.conv2d": (6, 4, 3, 3), "conv3.conv2d": (8, 6, 3, 3),
        "res1.conv1.conv2d": (8, 8, 3, 3), "res1.conv2.conv2d": (8, 8, 3, 3),
        "deconv1.conv2d": (6, 8, 3, 3), "deconv2.conv2d": (4, 6, 3, 3), "deconv3.conv2d": (3, 4, 9, 9),
    }.items():  # fmt: skip
        state |= {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}
    for name, width in {"in1": 4, "in2": 6, "in3": 8, "res1.in1": 8, "res1.in2": 8, "in4": 6, "in5": 4}.items():
        state |= {f"{name}.weight": torch.rand(width), f"{name}.bias": torch.rand(width)}
    return state


def test_missing_file(tmp_path):
    refused(tmp_path / "no.pth", WeightsNotFoundError)


@pytest.mark.parametrize("name", ["empty.pth", "empty.safetensors", "empty.model"])
def test_zero_bytes(tmp_path, name):
    (tmp_path / name).touch()
    assert "0 bytes" in refused(tmp_path / name).got


@pytest.mark.parametrize("kept", [3, 8, 60, -100, -1])
def test_truncated_safetensors(native, kept):
    native.write_bytes(native.read_bytes()[:kept])
    assert "native.safetensors" in refused(native).what


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b'{"a":{}}', 1 << 62),
        (b'{"a":{}}', 20_000),
        (b'{"a":', None),
        (b"[1, 2, 3]", None),
        (b'{"a":{}}', None),
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99]}}', None),
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}', None),
        (b'{"a":{"dtype":"F32","shape":["x"],"data_offsets":[0,8]}}', None),
        (b'{"a":{"dtype":"X1","shape":[2],"data_offsets":[0,8]}}', None),
        (b'{"a":{"dtype":"F32","shape":[9999],"data_offsets":[0,39996]}}', None),
        (b"{" * 50_000, None),
    ],
)
def test_malformed_safetensors_header(tmp_path, header, length):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", length or len(header)) + header + bytes(8))
    refused(path)


@pytest.mark.parametrize("container", ["zip", "legacy", "pickle 2", "pickle 5"])
def test_a_pickle_with_code_is_refused_by_name(tmp_path, container, candy):
    marker, path = tmp_path / "marker", tmp_path / "candy.pth"
    state = {**candy, "extra": Evil(marker)}
    if container.startswith("pickle"):
        path.write_bytes(pickle.dumps(state if container == "pickle 2" else Evil(marker), protocol=int(container[-1])))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=container == "zip")
    for look in (load_checkpoint, inspect_checkpoint):
        with pytest.raises(UnsafeCheckpointError) as caught:
            look(path)
        assert "system" in caught.value.got
    with pytest.raises(UnsafeCheckpointError):
        convert_checkpoint(path, out=tmp_path / "out.safetensors")
    assert not marker.exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["candy.pth"]


def test_the_pickle_above_does_what_it_says(tmp_path):
    """Otherwise the test before proves nothing."""
    pickle.loads(pickle.dumps(Evil(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "module.pth")
    assert "torch.nn.modules.conv.Conv2d" in refused(tmp_path / "module.pth", UnsafeCheckpointError).got


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n" + bytes(2000), "a PDF document"),
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (bytes(range(200, 256)) * 20, "bytes"),
    ],
)
def test_something_else_named_pth(tmp_path, content, words):
    (tmp_path / "candy.pth").write_bytes(content)
    assert words in refused(tmp_path / "candy.pth", UnsupportedCheckpointError).got


def test_random_bytes_behind_a_magic(tmp_path):
    for magic in (b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b'12345678{"'):
        (tmp_path / "odd.pth").write_bytes(magic + os.urandom(500))
        refused(tmp_path / "odd.pth")


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "saved_models.zip", "w") as archive:
        archive.writestr("candy.txt", "hello")
    assert "unpack" in refused(tmp_path / "saved_models.zip").do


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {"epoch": 3}}, 5], ids=str)
def test_no_weights_inside(tmp_path, content):
    torch.save(content, tmp_path / "log.pth")
    assert "no weights" in refused(tmp_path / "log.pth").what


def test_an_empty_folder_and_a_folder_of_models(tmp_path, candy):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.txt").write_text("nothing here")
    assert "0 model files" in refused(tmp_path / "empty").got
    for name in ("candy.pth", "mosaic.pth"):
        torch.save(candy, tmp_path / name)
    assert "candy.pth, mosaic.pth" in refused(tmp_path, UnsupportedCheckpointError).got
    both = refused(tmp_path / "candy.pth", UnsupportedCheckpointError, tmp_path / "mosaic.pth")
    assert "candy.pth + mosaic.pth" in both.what


def test_a_safetensors_of_something_else_is_explained(tmp_path):
    save_file({"unet.weight": torch.zeros(2), "vae.weight": torch.zeros(2)}, tmp_path / "sd.safetensors")
    error = refused(tmp_path / "sd.safetensors", UnsupportedCheckpointError)
    assert "unet.weight" in error.got
    facts = inspect_checkpoint(tmp_path / "sd.safetensors")
    assert (facts.architecture, facts.tensors, facts.parameters) == ("", 2, 4)
    assert facts.explanation == str(error)


def test_an_almost_known_layout_is_explained(tmp_path, candy):
    for i in (2, 3, 4, 5):
        candy |= {key.replace("res1", f"res{i}"): t for key, t in candy.items() if key.startswith("res1")}
    del candy["deconv1.conv2d.weight"], candy["deconv2.conv2d.weight"]
    candy["attention.weight"] = torch.zeros(3)
    torch.save(candy, tmp_path / "odd.pth")
    error = refused(tmp_path / "odd.pth", UnsupportedCheckpointError)
    assert "pytorch_examples" in error.expected
    for words in ("60 of its 62 keys", "missing deconv1.conv2d.weight, deconv2.conv2d.weight",
                  "unexpected attention.weight", "first keys found: conv1.conv2d.weight"):  # fmt: skip
        assert words in error.got


@pytest.mark.parametrize(
    ("key", "shape"), [("res1.in1.weight", (9,)), ("conv1.conv2d.bias", ()), ("conv2.conv2d.weight", (6, 4))]
)
def test_known_names_of_the_wrong_shape(tmp_path, candy, key, shape):
    candy[key] = torch.zeros(shape)
    torch.save(candy, tmp_path / "odd.pth")
    refused(tmp_path / "odd.pth")


def test_an_adain_half_names_the_other(tmp_path):
    def sequential(numbers, widths):
        return {
            f"{n}.{part}": torch.zeros((b, a, k, k) if part == "weight" else (b,))
            for n, (a, b, k) in zip(numbers, widths, strict=True)
            for part in ("weight", "bias")
        }

    decoder = sequential((1, 5, 8), [(6, 4, 3), (4, 4, 3), (4, 3, 3)])
    encoder = sequential((0, 2, 5, 9), [(3, 3, 1), (3, 4, 3), (4, 4, 3), (4, 6, 3)])
    other = sequential((0, 2, 5, 9), [(3, 3, 1), (3, 4, 3), (4, 4, 3), (4, 7, 3)])
    paths = [tmp_path / name for name in ("decoder.pth", "vgg_normalised.pth", "other.pth")]
    for path, state in zip(paths, (decoder, encoder, other), strict=True):
        torch.save(state, path)
    assert "vgg_normalised.pth" in refused(paths[0]).do
    assert "decoder.pth" in refused(paths[1]).do
    assert "vgg_normalised.pth" in inspect_checkpoint(paths[0]).explanation
    assert "was not trained with" in refused(paths[0], CheckpointError, paths[2]).what
    assert load_checkpoint(paths[0], paths[1]).spec.architecture == "adain"


def test_a_microast_part_names_the_others(tmp_path):
    state = {f"{n}{i}.0.conv_layer.{part}": torch.zeros(2, 1, 3, 3) if part == "weight" else torch.zeros(2)
             for n in ("weight", "bias") for i in (1, 2) for part in ("weight", "bias")}  # fmt: skip
    torch.save(state, tmp_path / "modulator.pth.tar")
    error = refused(tmp_path / "modulator.pth.tar")
    assert "content_encoder, style_encoder, decoder" in error.got


def test_rrminas_preactivation_network_is_not_mistaken(tmp_path):
    """Same keys and shapes as the plain one; only their order differs."""
    state = {}
    for i, (a, b, k) in enumerate([(3, 4, 9), (4, 4, 3), (4, 4, 3)]):
        state |= {f"ConvBlock.{2 * i}.conv_layer.weight": torch.zeros(b, a, k, k)}
        state |= {f"ConvBlock.{2 * i}.conv_layer.bias": torch.zeros(b)}
        state |= {f"ConvBlock.{2 * i}.norm_layer.{part}": torch.zeros(b) for part in ("weight", "bias")}
    for conv in ("conv1", "conv2"):
        name = f"ResidualBlock.0.{conv}"
        state |= {f"{name}.norm_layer.{part}": torch.zeros(4) for part in ("weight", "bias")}
        state |= {f"{name}.conv_layer.weight": torch.zeros(4, 4, 3, 3), f"{name}.conv_layer.bias": torch.zeros(4)}
    for i in (0, 2):
        name = f"DeconvBlock.{i}"
        state |= {
            f"{name}.conv_transpose.weight": torch.zeros(4, 4, 3, 3),
            f"{name}.conv_transpose.bias": torch.zeros(4),
        }
        state |= {f"{name}.norm_layer.{part}": torch.zeros(4) for part in ("weight", "bias")}
    state |= {
        "DeconvBlock.4.conv_layer.weight": torch.zeros(3, 4, 9, 9),
        "DeconvBlock.4.conv_layer.bias": torch.zeros(3),
    }
    torch.save(state, tmp_path / "v2.pth")
    assert "TransformerNetworkV2" in refused(tmp_path / "v2.pth").what


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
def test_damaged_copies(tmp_path, candy, native, container, survives_damage):
    path = tmp_path / "candy.pth"
    if container == "safetensors":
        path = native
    else:
        torch.save(candy, path, _use_new_zipfile_serialization=container == "zip")
    survives_damage(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 99},
        {"styles": None},
        {"styles": [3]},
        {"normalization": {"order": "XYZ"}},
        {"normalization": {"mean": ["a", 1, 2]}},
        {"architecture": "gan"},
        {"hyperparameters": {"encoder_widths": [4, 6, 10**13]}},
        {"hyperparameters": {"encoder_widths": [4, 6]}},
        {"hyperparameters": {"depth": 2}},
        {"hyperparameters": {}},
    ],
    ids=str,
)
def test_edited_native_headers(native, change):
    data = native.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    spec = json.loads(header["__metadata__"]["brushwork"])
    header["__metadata__"]["brushwork"] = json.dumps(spec | change)
    edited = json.dumps(header).encode()
    edited += b" " * (-len(edited) % 8)
    native.write_bytes(struct.pack("<Q", len(edited)) + edited + data[8 + length :])
    refused(native, BrushworkError)


def test_native_header_that_is_no_description(tmp_path):
    for text in ("[]", "3", "not json"):
        save_file({"x": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={"brushwork": text})
        refused(tmp_path / "odd.safetensors")
