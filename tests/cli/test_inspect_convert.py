"""`brushwork inspect` and `convert`."""

from __future__ import annotations

import json

import pytest
import torch
from brushwork.cli.main import main
from brushwork.core.checkpoints import load_checkpoint
from safetensors import safe_open
from safetensors.torch import save_file


def test_inspect_tells_people(model, capsys):
    assert main(["inspect", str(model)]) == 0
    text = capsys.readouterr().out
    assert "conditional_transformer_net" in text
    assert "zebra, ocelot, identity" in text


def test_inspect_tells_programs(model, capsys):
    assert main(["inspect", str(model), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["architecture"] == "conditional_transformer_net"
    assert facts["styles"] == ["zebra", "ocelot", "identity"]
    assert facts["explanation"] == ""


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_unknown_layout_is_explained_and_is_2(tmp_path, capsys, as_json):
    path = tmp_path / "other.safetensors"
    save_file({"some.weight": torch.zeros(2, 2)}, path)
    assert main(["inspect", str(path), *as_json]) == 2
    streams = capsys.readouterr()
    assert "some.weight" in (json.loads(streams.out)["explanation"] if as_json else streams.err)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_convert_writes_a_file_that_paints_the_same(model, tmp_path, capsys, dtype):
    out = tmp_path / "new" / "out.safetensors"
    assert main(["convert", str(model), "-o", str(out), "--dtype", dtype]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    photo = torch.rand(1, 3, 24, 20)
    assert torch.equal(load_checkpoint(out)(photo, "ocelot"), load_checkpoint(model)(photo, "ocelot"))
    with safe_open(out, "pt") as file:
        stored = {str(file.get_tensor(key).dtype) for key in file.keys()}  # noqa: SIM118 - no iterable
    assert stored == {f"torch.{dtype}"}


def test_convert_refuses_other_suffixes_and_bad_files(model, tmp_path, capsys):
    assert main(["convert", str(model), "-o", str(tmp_path / "out.pth")]) == 2
    assert ".safetensors" in capsys.readouterr().err
    (tmp_path / "empty.pth").write_bytes(b"")
    assert main(["convert", str(tmp_path / "empty.pth"), "-o", str(tmp_path / "out.safetensors")]) == 2
    assert "empty.pth" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()
