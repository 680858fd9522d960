"""Which reader takes what: by content where that tells, and never a web page for its name."""

from __future__ import annotations

import pytest
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.errors import CheckpointError


@pytest.mark.parametrize("suffix", [".onnx", ".t7", ".mlmodel", ".ckpt", ".index"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "LFS"),
    ],
)
def test_other_files_under_these_names(tmp_path, suffix, content, words):
    path = tmp_path / f"candy{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(path)
    assert all((caught.value.expected, caught.value.got, caught.value.do))


def test_t7_and_onnx_are_found_without_their_suffix(tmp_path, t7, proto):
    t7.write(tmp_path / "model", {"model": t7.module("nn.Sequential", modules=[t7.module("nn.Abs")])})
    with pytest.raises(CheckpointError, match="Torch7"):
        load_checkpoint(tmp_path / "model")
    node = proto((4, "Abs"), (1, "x"), (2, "y"))
    graph = proto((1, node), (11, proto((1, "x"))))
    (tmp_path / "net.bin").write_bytes(proto((1, 8), (2, "pytorch"), (7, graph)))
    with pytest.raises(CheckpointError, match="Abs"):
        load_checkpoint(tmp_path / "net.bin")
