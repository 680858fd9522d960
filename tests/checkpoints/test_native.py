"""The native file: what is stored, what is refused, encoders kept apart, conversion, wrappers of foreign files."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from brushwork.core.architectures import AdaINNet, TransformerConfig, TransformerNet, build_network
from brushwork.core.checkpoints import convert_checkpoint, inspect_checkpoint, load_checkpoint, save_checkpoint
from brushwork.core.errors import BrushworkError, CheckpointError, UnsupportedCheckpointError
from brushwork.core.normalization import PRESETS
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from safetensors import safe_open
from safetensors.torch import save_file

TINY = {"encoder_widths": [4, 6, 8], "decoder_widths": [6, 4], "blocks": 1}
ADAIN = {"encoder": {"widths": [[4, 4], [6]], "padding": "reflect"}}


def tiny(**changes) -> StyleModel:
    style = StyleInfo("candy", "Candy", 512, "thumb", {"steps": 3}, "CC0-1.0", "someone")
    fields = {"styles": (style,), "title": "Tiny", "license": "MIT", "attribution": "us", "provenance": {"a": [1]}}
    spec = ModelSpec("transformer_net", TINY, PRESETS["raw255"], **{**fields, **changes})
    return StyleModel(TransformerNet(TransformerConfig(**TINY)), spec)


def test_everything_in_the_spec_comes_back(tmp_path):
    model = tiny()
    assert load_checkpoint(save_checkpoint(model, tmp_path / "deep" / "m.safetensors")).spec == model.spec


def test_half_by_default_and_readable_by_the_library(tmp_path):
    model = tiny()
    path = save_checkpoint(model, tmp_path / "m.safetensors")
    with safe_open(path, framework="pt") as file:
        weight = file.get_tensor("encoder.0.conv.weight")
        assert json.loads(file.metadata()["brushwork"])["architecture"] == "transformer_net"
    assert torch.equal(weight, model.network.state_dict()["encoder.0.conv.weight"].half())
    assert load_checkpoint(path).dtype == torch.float32


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "NaN or infinity"), (1e6, "finite before the conversion")])
def test_no_broken_weights_are_written(tmp_path, value, words):
    model = tiny()
    model.network.state_dict()["output.bias"][0] = value
    with pytest.raises(CheckpointError) as caught:
        save_checkpoint(model, tmp_path / "m.safetensors")
    assert words in caught.value.got
    assert "output.bias" in caught.value.got
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BrushworkError, match="cannot be written"):
        save_checkpoint(tiny(), tmp_path / "file" / "m.safetensors")


def test_convert_keeps_the_picture_and_says_where_it_is_from(tmp_path):
    source = TransformerNet(TransformerConfig(**TINY))
    names = {"encoder.0": ("conv1.conv2d", "in1"), "encoder.1": ("conv2.conv2d", "in2")}
    names |= {"encoder.2": ("conv3.conv2d", "in3"), "blocks.0.layers.0": ("res1.conv1.conv2d", "res1.in1")}
    names |= {"blocks.0.layers.1": ("res1.conv2.conv2d", "res1.in2")}
    state = {"deconv3.conv2d.weight": source.output.weight, "deconv3.conv2d.bias": source.output.bias}
    for ours, (conv, norm) in names.items():
        for part in ("weight", "bias"):
            state[f"{conv}.{part}"] = source.get_submodule(f"{ours}.conv").state_dict()[part]
            state[f"{norm}.{part}"] = source.get_submodule(f"{ours}.norm").state_dict()[part]
    for i in (0, 1):
        for part in ("weight", "bias"):
            state[f"deconv{i + 1}.conv2d.{part}"] = source.decoder[i].conv.conv.state_dict()[part]
            state[f"in{i + 4}.{part}"] = source.decoder[i].norm.state_dict()[part]
    wrapped = {"epoch": 3, "model_state_dict": {f"module.{key}": t.detach() for key, t in state.items()}}
    torch.save(wrapped, tmp_path / "udnie.model")

    out = convert_checkpoint(tmp_path / "udnie.model", out=tmp_path / "udnie.safetensors", dtype=None)
    picture = torch.rand(1, 3, 30, 41)
    expected = StyleModel(source, tiny().spec)(picture)
    assert torch.equal(load_checkpoint(tmp_path / "udnie.model")(picture), expected)
    converted = load_checkpoint(out)
    assert torch.equal(converted(picture), expected)
    digest = hashlib.sha256((tmp_path / "udnie.model").read_bytes()).hexdigest()
    assert converted.spec.provenance["converted_from_sha256"] == {"udnie.model": digest}
    assert converted.spec.provenance["format"] == "pytorch_examples"
    assert (converted.spec.title, converted.spec.style_names) == ("udnie", ("udnie",))
    assert inspect_checkpoint(tmp_path / "udnie.model").metadata["epoch"] == 3


@pytest.fixture
def apart(tmp_path):
    """An AdaIN model saved without its encoder, and the encoder's own files in two precisions."""
    network = build_network("adain", ADAIN)
    assert isinstance(network, AdaINNet)
    for parameter in network.encoder.parameters():
        parameter.data = parameter.data.half().float()
    model = StyleModel(network, ModelSpec("adain", ADAIN, PRESETS["unit"]))
    path = save_checkpoint(model, tmp_path / "adain.safetensors", leave_out="encoder.")
    header = {"format_version": 1, "kind": "encoder", "architecture": "vgg", "hyperparameters": ADAIN["encoder"]}
    header |= {"normalization": PRESETS["unit"].to_dict(), "styles": []}
    files = []
    for dtype in (torch.float16, torch.float32):
        state = {key: t.to(dtype) for key, t in network.encoder.state_dict().items()}
        state["conv2_2.weight"] = torch.zeros(6, 6, 3, 3, dtype=dtype)  # deeper than the decoder needs
        files.append(tmp_path / f"compact-{dtype}.safetensors")
        save_file(state, files[-1], metadata={"brushwork": json.dumps(header)})
    return model, path, files


def test_a_decoder_takes_its_encoder_from_another_file(apart):
    model, path, files = apart
    with safe_open(path, framework="pt") as file:
        assert all(key.startswith("decoder.") for key in file.keys())  # noqa: SIM118 - not a dict
    picture, style = torch.rand(2, 1, 3, 22, 27)
    model.network.decoder.half().float()
    for encoder in files:
        for order in ((path, encoder), (encoder, path)):
            assert torch.equal(load_checkpoint(*order)(picture, style), model(picture, style))
    assert inspect_checkpoint(path, files[0]).explanation == ""


def test_a_decoder_without_its_encoder_or_with_another(apart, tmp_path):
    _, path, files = apart
    with pytest.raises(CheckpointError, match="needs the encoder that it was trained with"):
        load_checkpoint(path)
    assert "needs the encoder" in inspect_checkpoint(path).explanation
    with pytest.raises(UnsupportedCheckpointError, match="is an encoder, not a style model"):
        load_checkpoint(files[0])
    save_file({"conv1_1.weight": torch.zeros(1)}, tmp_path / "part.safetensors")
    with pytest.raises(CheckpointError, match="which has 1 of these tensors"):
        load_checkpoint(path, tmp_path / "part.safetensors")
    with safe_open(files[1], framework="pt") as file:
        wrong = {key: file.get_tensor(key) + 1 for key in file.keys()}  # noqa: SIM118 - not a dict
    save_file(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match="which has other values"):
        load_checkpoint(path, tmp_path / "wrong.safetensors")


def test_a_whole_native_file_takes_no_companion(tmp_path):
    one, two = (save_checkpoint(tiny(), tmp_path / f"{name}.safetensors") for name in "ab")
    with pytest.raises(UnsupportedCheckpointError, match="is not one model"):
        load_checkpoint(one, two)
