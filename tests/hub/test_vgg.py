"""VGG16 and VGG19 by byte ranges, from a small file with the real layout."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from brushwork.core.checkpoints.encoder import load_encoder
from brushwork.core.errors import ChecksumMismatchError, ConfigError, DownloadError
from brushwork.core.hub import get_encoder, vgg
from brushwork.core.hub.manifest import load_manifest, manifest_from_dict
from safetensors import safe_open
from safetensors.torch import save

BLOCK_WIDTHS = (4, 6, 8, 10, 10)
WIDTHS = ((4, 4), (6, 6), (8, 8, 8), (10, 10, 10), (10, 10, 10))
# torchvision's indices of the convolutions of VGG16, as its source lists the layers
INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def tensors() -> dict[str, torch.Tensor]:
    """Names of timm's vgg16 with small widths; the classifier is most of the file."""
    state, channels = {}, 3
    for index, width in zip(INDICES, [width for block in WIDTHS for width in block], strict=True):
        state[f"features.{index}.weight"] = torch.randn(width, channels, 3, 3)
        state[f"features.{index}.bias"] = torch.randn(width)
        channels = width
    state["pre_logits.fc1.weight"] = torch.randn(256, 10, 7, 7)
    state["head.fc.weight"] = torch.randn(1000, 256)
    return state


@pytest.fixture
def served(hub, make_repo, monkeypatch):
    """serve(data) puts a file where the manifest's vgg16 points, and its hash into the manifest."""
    monkeypatch.setattr(vgg, "BLOCK_WIDTHS", BLOCK_WIDTHS)

    def serve(data: bytes):
        row = {
            "id": "vgg16", "title": "VGG16", "kind": "encoder", "architecture": "vgg16", "tensors": "features.*",
            "source": {"type": "hub", "repo_id": "timm/vgg16.tv_in1k", "filename": "model.safetensors",
                       "revision": "main"},
            "filename": "vgg16.safetensors", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "format": "safetensors", "input_normalization": "imagenet", "styles": [], "license": "BSD-3-Clause",
            "attribution": "torchvision",
        }  # fmt: skip
        manifest = manifest_from_dict({"schema_version": 1, "entries": [row]})
        monkeypatch.setattr(vgg, "load_manifest", lambda: manifest)
        hub.repos["timm/vgg16.tv_in1k"] = make_repo({"model.safetensors": data})
        return hub

    return serve


def conv_bytes(state) -> int:
    return sum(4 * tensor.numel() for key, tensor in state.items() if key.startswith("features."))


def test_only_the_convolutions_are_fetched(served, tmp_path):
    state = tensors()
    data = save(state)
    hub = served(data)
    path = get_encoder("vgg16", tmp_path)
    header = 8 + int.from_bytes(data[:8], "little")
    assert hub.body_bytes() == header + conv_bytes(state)
    assert hub.body_bytes() < len(data) / 10
    assert len(hub.gets()) == 3  # length, header, and all convolutions as one range
    network = load_encoder(path)
    x = torch.rand(2, 3, 40, 56)
    got = network(x, ["relu1_1", "relu2_2", "relu5_3"])
    y = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    count = 0
    for block, widths in enumerate(WIDTHS, 1):
        for number in range(1, len(widths) + 1):
            index = INDICES[count]
            weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            y = torch.nn.functional.conv2d(y, weight, bias, padding=1).relu()
            count += 1
            if f"relu{block}_{number}" in got:
                torch.testing.assert_close(got[f"relu{block}_{number}"], y, rtol=1e-4, atol=1e-4)
        y = torch.nn.functional.max_pool2d(y, 2)


def test_file_describes_itself_and_is_pinned(served, tmp_path):
    data = save(tensors())
    hub = served(data)
    path = get_encoder("vgg16", tmp_path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["brushwork"])
    assert header["kind"] == "encoder"
    assert header["provenance"]["sha256"] == hashlib.sha256(data).hexdigest()
    (pin,) = json.loads((tmp_path / "brushwork.lock.json").read_text())["pins"]
    assert pin["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    hub.requests.clear()
    assert get_encoder("vgg16", tmp_path) == path
    assert hub.requests == []
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ChecksumMismatchError):
        get_encoder("vgg16", tmp_path)


def test_without_a_folder_it_lies_in_our_corner_of_the_cache(served, hub_env):
    served(save(tensors()))
    assert get_encoder("vgg16") == hub_env / "assets" / "brushwork" / "vgg16.safetensors"


def test_tensors_apart_are_fetched_in_several_ranges(served, tmp_path):
    # safetensors sorts by dtype first, so a float64 tensor cannot lie between: build the layout by hand
    state = tensors()
    names = [key for key in state if key.startswith("features.")]
    order = [*names[:5], "head.fc.weight", *names[5:], "pre_logits.fc1.weight"]
    rows, body = {}, b""
    for name in order:
        raw = state[name].numpy().tobytes()
        rows[name] = {
            "dtype": "F32",
            "shape": list(state[name].shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    header = json.dumps(rows).encode()
    hub = served(len(header).to_bytes(8, "little") + header + body)
    network = load_encoder(get_encoder("vgg16", tmp_path))
    assert len(hub.gets()) == 4
    assert hub.body_bytes() == 8 + len(header) + conv_bytes(state)
    torch.testing.assert_close(network.conv1_1.weight, state["features.0.weight"], rtol=0, atol=0)
    torch.testing.assert_close(network.conv5_3.bias, state["features.28.bias"], rtol=0, atol=0)


def test_resume(served, tmp_path, monkeypatch):
    state = tensors()
    hub = served(save(state))
    stopped = []

    def stop(done, total):
        if done > total / 2 and not stopped:
            stopped.append(done)
            raise KeyboardInterrupt

    monkeypatch.setattr("brushwork.core.hub.client.CHUNK_BYTES", 1 << 12)
    with pytest.raises(KeyboardInterrupt):
        get_encoder("vgg16", tmp_path, stop)
    hub.requests.clear()
    path = get_encoder("vgg16", tmp_path)
    assert hub.gets()[-1].sent < conv_bytes(state)
    torch.testing.assert_close(load_encoder(path).conv5_3.weight, state["features.28.weight"], rtol=0, atol=0)


def test_server_without_ranges_is_refused_unread(served, tmp_path):
    data = save({**tensors(), "more": torch.zeros(4_000_000)})
    hub = served(data)
    hub.ignores_range = True
    with pytest.raises(DownloadError, match="does not send parts") as caught:
        get_encoder("vgg16", tmp_path)
    assert "HF_ENDPOINT" in caught.value.do
    assert not list(tmp_path.glob("*.part"))
    assert hub.body_bytes() < len(data) / 2


def test_hash_of_the_whole_file_must_be_vouched_for(served, tmp_path):
    hub = served(save(tensors()))
    hub.repos["timm/vgg16.tv_in1k"].etags["model.safetensors"] = "0" * 64
    with pytest.raises(ChecksumMismatchError):
        get_encoder("vgg16", tmp_path)
    hub.repos["timm/vgg16.tv_in1k"].etags.clear()
    hub.repos["timm/vgg16.tv_in1k"].lfs = False
    with pytest.raises(ChecksumMismatchError, match="vouch"):
        get_encoder("vgg16", tmp_path)
    assert hub.body_bytes() == 0


def test_parts_of_another_file(served, tmp_path):
    hub = served(save(tensors()))
    hub.lies_about_total = 1
    with pytest.raises(ChecksumMismatchError, match="another file"):
        get_encoder("vgg16", tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("features.0.bias"),
        lambda state: state.update({"features.0.weight": torch.zeros(5, 3, 3, 3)}),
        lambda state: state.update({"features.0.weight": torch.zeros(4, 3, 3, 3, dtype=torch.int32)}),
        lambda state: state.update({"features.1.weight": torch.zeros(4)}),
    ],
)
def test_header_must_be_a_vgg(served, tmp_path, spoil):
    state = tensors()
    spoil(state)
    served(save(state))
    with pytest.raises(ChecksumMismatchError, match="does not hold"):
        get_encoder("vgg16", tmp_path)
    assert not list(tmp_path.glob("*.safetensors*"))


def test_no_safetensors_at_all(served, tmp_path):
    served(b"<html>not found</html>" * 1000)
    with pytest.raises(ChecksumMismatchError, match="does not hold"):
        get_encoder("vgg16", tmp_path)


def test_unknown_encoder():
    with pytest.raises(ConfigError, match="vgg16 or vgg19"):
        get_encoder("vgg13")


def test_real_manifest_pins_both_by_commit_and_hash():
    for name, convolutions in (("vgg16", 13), ("vgg19", 16)):
        entry = load_manifest()[name]
        assert len(entry.source.revision) == 40
        assert entry.sha256
        assert sum(vgg.BLOCKS[name]) == convolutions
    assert vgg.BLOCK_WIDTHS == (64, 128, 256, 512, 512)
