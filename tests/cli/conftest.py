"""Tiny models on disk, a pack with its own bundled models, and photos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.checkpoints import save_checkpoint
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from PIL import Image

TINY = {"encoder_widths": (4, 6, 8), "decoder_widths": (6, 4), "blocks": 1}


def save_conditional(path: Path, *names: str, title: str = "") -> Path:
    """A native file of a random network whose styles differ visibly."""
    config = {**TINY, "norm": "conditional", "styles": len(names)}
    network = build_network("conditional_transformer_net", config)
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(parameter, float(name.endswith("weight")), 0.5)
    torch.nn.init.constant_(network.output.bias, 0.5)
    styles = tuple(StyleInfo(name) for name in names)
    spec = ModelSpec("conditional_transformer_net", config, styles=styles, title=title, license="MIT")
    return save_checkpoint(StyleModel(network, spec), path)


@pytest.fixture(autouse=True)
def _no_models_of_the_developer(monkeypatch, tmp_path):
    monkeypatch.delenv("BRUSHWORK_MODELS", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def model(tmp_path) -> Path:
    return save_conditional(tmp_path / "models" / "animals.safetensors", "zebra", "ocelot", "identity")


@pytest.fixture
def sizes(tmp_path) -> Path:
    """A model with stroke sizes."""
    return save_conditional(tmp_path / "sizes" / "strokes.safetensors", "lynx--small", "lynx--large", "ibis--small")


@pytest.fixture
def photo(tmp_path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pack(tmp_path, monkeypatch) -> Path:
    """A pack root with one bundled conditional model, in place of the checkout's manifest and weights."""
    from brushwork.core.hub import bundled, entry_for_bundled, local, manifest

    root = tmp_path / "pack"
    for module in (bundled, local, manifest):
        monkeypatch.setattr(module, "PACK_ROOT", root)
    path = save_conditional(root / "weights" / "starter.safetensors", "tapir", "okapi", title="Two Animals")
    write_manifest(root, entry_for_bundled(path))
    return root


def write_manifest(root: Path, *entries: dict) -> None:
    text = json.dumps({"schema_version": 1, "entries": entries})
    (root / "weights_manifest.json").write_text(text, encoding="utf-8")
