"""The mirrored margin of a model, against numpy's reflection around the network alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from brushwork.core.architectures import StyleCode, build_network
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.native import save_checkpoint
from brushwork.core.errors import CheckpointError, ConfigError
from brushwork.core.images import pad_to_side
from brushwork.core.inference import Controls, StyleLayer, Stylizer
from brushwork.core.inference.accelerator import Accelerator
from brushwork.core.inference.engine import Engine
from brushwork.core.inference.engine import rows as engine_rows
from brushwork.core.inference.engine.store import Extended, FileRows, MemoryRows
from brushwork.core.inference.painter import Painter
from brushwork.core.inference.stream import Painting, Stream
from brushwork.core.inference.stream_file import stream_file
from brushwork.core.inference.stroke import paint_at_stroke_size
from brushwork.core.inference.video import VideoStylizer
from brushwork.core.inference.wrap import MARGIN_PX as SEEN_PX
from brushwork.core.margin import mirrored
from brushwork.core.masks import resize_mask
from brushwork.core.pictures import Picture, read_picture, write_picture
from brushwork.core.pictures.write import encoder_bytes
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel
from safetensors import safe_open
from safetensors.torch import save_file

CPU = torch.device("cpu")
SIZES = [(64, 96), (47, 61), (20, 20), (1, 1), (1, 40), (2, 3)]
FLOOR = {"widths": [[4, 4], [6, 6], [8]], "padding": "reflect", "ceil_pool": False, "input_conv": False}
NETWORKS = {
    "conditional": ("conditional_transformer_net", {"styles": 3, "output": "sigmoid"}),
    "instance": ("transformer_net", {"output": "sigmoid"}),
    "modulated": ("adain", {"encoder": FLOOR, "widths": [6, 5, 4], "blocks": [1, 2, 0], "hidden": 7}),
    "msg_net": ("msg_net", {"width": 4, "blocks": 2, "stem": 8, "down": 4, "up": [4, 2]}),
}
NARROW = {"encoder_widths": [4, 6, 10], "decoder_widths": [6, 4], "blocks": 1}
LEFT = (torch.linspace(0, 1.2, 31) + torch.linspace(-0.6, 0.4, 17)[:, None]).clamp(0, 1)
"""More to the right and below, different in every row."""


def build(kind: str, dtype: torch.dtype, margin_px: int = 32) -> StyleModel:
    architecture, own = NETWORKS[kind]
    hyperparameters = {**(NARROW if "transformer" in architecture else {}), **own}
    torch.manual_seed(0)
    network = build_network(architecture, hyperparameters)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or "norm" in name:
            torch.nn.init.normal_(parameter, 0.3, 0.4)
    if kind == "msg_net":
        torch.nn.init.normal_(network.output.weight, 0, 0.02)
        torch.nn.init.constant_(network.output.bias, 0.5)
    styles = tuple(StyleInfo(str(i)) for i in range(hyperparameters.get("styles", 1)))
    spec = ModelSpec(architecture, hyperparameters, styles=styles, margin_px=margin_px)
    return StyleModel(network.to(dtype), spec)


def reflected(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """By numpy, which mirrors as often as it must."""
    widths = ((0, 0), (0, 0), (down, down), (right, right))
    return torch.from_numpy(np.pad(image.numpy(), widths, mode="reflect"))


def expected(
    model: StyleModel, photo: torch.Tensor, code: StyleCode | None, down: int = 32, right: int = 32
) -> torch.Tensor:
    """The network on the mirrored photo, and the painting cut out."""
    height, width = photo.shape[-2:]

    def around(image: torch.Tensor) -> torch.Tensor:
        return pad_to_side(reflected(image, down, right), model.network.min_side)

    if code is not None and code.weights.ndim == 4:
        code = replace(code, weights=around(resize_mask(code.weights, height, width)))
    if code is not None and isinstance(code.alpha, torch.Tensor):
        code = replace(code, alpha=around(resize_mask(code.alpha, height, width)))
    normalization = model.spec.normalization
    with torch.no_grad():
        out = normalization.decode(model.network(normalization.encode(around(photo)), code))
    return out[..., down : down + height, right : right + width].clamp(0, 1)


def code_of(model: StyleModel) -> StyleCode | None:
    return model.encode(torch.rand(1, 3, 40, 44).double() if model.style_kind == "image" else None)


@pytest.fixture
def few_rows(monkeypatch):
    """Blocks that end within the margin, at its end and in the picture."""
    monkeypatch.setattr(engine_rows, "BLOCK_BYTES", 3000)
    monkeypatch.setattr(engine_rows, "FEWEST_ROWS", 2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [(16, 16), (32, 96), (0, 48)])
def test_mirrored_is_numpys_reflection(size, pixels):
    image = torch.rand(2, 3, *size)
    wanted = reflected(image, *pixels)
    assert torch.equal(mirrored(image, pixels), wanted)
    # by rows, with the last row and column repeated
    wanted = torch.from_numpy(np.pad(wanted[:1].numpy(), ((0, 0), (0, 0), (0, 3), (0, 5)), mode="edge"))
    rows = Extended(MemoryRows(image[:1]), *wanted.shape[-2:], pixels)
    for count in (1, 7, 50, wanted.shape[2]):
        parts = [rows.read(first, min(count, rows.height - first)) for first in range(0, rows.height, count)]
        assert torch.equal(torch.cat(parts, 2), wanted)
    assert mirrored(image, (0, 0)) is image


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_painting_is_cut_out_of_the_mirrored_photos(kind, size, few_rows):
    model, photo = build(kind, torch.float64), torch.rand(1, 3, *size).double()
    code = code_of(model)
    wanted = expected(model, photo, code)
    assert (model.paint(photo, code) - wanted).abs().max() < 1e-12
    engine = Engine(model, torch.float64)
    for keep in (True, False):
        painted = engine.paint(photo, code, keep=keep)
        # one pixel is one colour around, in which every instance norm makes 316 times more of what was rounded
        assert (painted - wanted).abs().max() < (1e-10 if max(size) > 1 else 0.2)
    if size[0] > 20:
        assert (wanted - expected(model, photo, code, 0, 0)).abs().max() > 1e-2


@pytest.mark.parametrize("size", [(47, 61), (20, 20), (1, 40)])
@pytest.mark.parametrize("regional", [False, True])
@pytest.mark.parametrize("kind", ["conditional", "modulated"])
def test_styles_and_strengths_by_place_go_along(kind, regional, size, few_rows):
    model, photo = build(kind, torch.float64), torch.rand(1, 3, *size).double()
    styles = [torch.rand(1, 3, 40, 44).double() for _ in range(2)] if model.style_kind == "image" else [0, 2]
    code = model.encode([StyleLayer(styles[0], 1.0, LEFT), StyleLayer(styles[1], 1.0, 1 - LEFT)])
    code = replace(code, regional=regional)
    if model.network.has_alpha:
        code = replace(code, alpha=LEFT.flip(1)[None, None])
    wanted = expected(model, photo, code)
    assert (model.paint(photo, code) - wanted).abs().max() < 1e-12
    assert (Engine(model, torch.float64).paint(photo, code) - wanted).abs().max() < 3e-5


@pytest.mark.parametrize("by_engine", [True, False])
@pytest.mark.parametrize(("wrap", "down", "right"), [("x", 32, 0), ("y", 0, 32), ("both", 0, 0)])
def test_borders_that_wrap_have_no_mirror(wrap, down, right, by_engine):
    model = build("instance", torch.float64)
    photo = torch.rand(1, 3, 64, 96).double()
    photo = photo + photo.roll((1, 2), (2, 3)) + photo.roll((5, 3), (2, 3)) + photo.roll(9, 3)
    photo = photo / photo.max()
    stylizer = Stylizer(model, "cpu")
    if not by_engine:
        stylizer.painter.engine, stylizer.painter.elsewhere = None, Accelerator(model, CPU, torch.float64)
    seen = (SEEN_PX * (down == 0), SEEN_PX * (right == 0))
    widths = ((0, 0), (0, 0), (seen[0], seen[0]), (seen[1], seen[1]))
    around = torch.from_numpy(np.pad(photo.numpy(), widths, mode="wrap"))
    wanted = expected(model, around, None, down, right)[..., seen[0] : seen[0] + 64, seen[1] : seen[1] + 96]
    painted = stylizer(photo, controls=Controls(wrap=wrap))
    assert (painted - wanted).abs().max() < 1e-10


def test_a_panorama_has_no_border():
    photo = torch.rand(1, 3, 40, 80)
    with_, without = (Stylizer(build("instance", torch.float32, px), "cpu") for px in (32, 0))
    assert torch.equal(*(one(photo, controls=Controls(wrap="panorama")) for one in (with_, without)))
    assert not torch.equal(with_(photo), without(photo))


@pytest.mark.parametrize("stroke", [0.5, 2.0])
def test_other_stroke_sizes_have_the_margin_at_every_octave(stroke):
    model, photo = build("instance", torch.float64), torch.rand(1, 3, 50, 70).double()
    wanted = paint_at_stroke_size(lambda picture, code: expected(model, picture, code), photo, None, stroke)
    painted = Stylizer(model, "cpu")(photo, controls=Controls(stroke_size=stroke))
    assert (painted - wanted).abs().max() < 1e-10


def test_films_are_painted_with_the_margin():
    model, photo = build("instance", torch.float64), torch.rand(1, 3, 50, 70).double()
    assert (VideoStylizer(Stylizer(model, "cpu"))(photo) - expected(model, photo, None)).abs().max() < 1e-6


def test_cards_paint_the_margin_whole_and_by_strips(monkeypatch):
    model, photo = build("conditional", torch.float32), torch.rand(2, 3, 40, 48)
    code = model.encode([StyleLayer(0, 1.0, LEFT), StyleLayer(2, 1.0, 1 - LEFT)])
    wanted = expected(model, photo, code)
    card = Accelerator(model, CPU, torch.float32)
    assert (card.paint(photo, code) - wanted).abs().max() < 2e-5

    def full(self, content, code, margin):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(StyleModel, "run", full)
    assert (card.paint(photo, code) - wanted).abs().max() < 5e-5


PAINTINGS = {
    "plain": Painting("1"),
    "measured": Painting("1", 0.7, LEFT, "coral"),
    "by place": Painting(
        [StyleLayer("0", 1.0, LEFT), StyleLayer("2", 1.0, 1 - LEFT)], controls=Controls(strength_map=LEFT.flip(1))
    ),
}


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("size", [(75, 53), (9, 3), (1, 1)])
@pytest.mark.parametrize("name", PAINTINGS)
def test_from_file_to_file(name, size, bounded, tmp_path, monkeypatch, few_rows):
    """By rows, also with a bound so small that photo, painting and layers lie in files."""
    monkeypatch.setattr("brushwork.core.inference.stream_file.scratch_folder", lambda: tmp_path)
    monkeypatch.setattr("brushwork.core.inference.painter.WORKING_BYTES", 0)
    made: list[int] = []
    monkeypatch.setattr("brushwork.core.inference.stream_file.FileRows", lambda *a: made.append(1) or FileRows(*a))
    model, painting = build("conditional", torch.float32), PAINTINGS[name]
    stylizer = Stylizer(model, "cpu")
    if bounded:
        code = Stream(stylizer, *size, painting).code
        least = stylizer.painter.working_bytes(*size, code) + encoder_bytes("out.png", *size, quality=95)
        stylizer = Stylizer(model, "cpu", max_memory=least)
    source = write_picture(Picture(torch.rand(1, 3, *size), 8), tmp_path / "photo.png")
    assert not stream_file(stylizer, source, tmp_path / "out.png", painting)
    photo = read_picture(source).image
    how = {"mask": painting.mask, "preserve_color": painting.preserve_color, "controls": painting.controls}
    wanted = Stylizer(model, "cpu")(photo, painting.style, painting.strength, **how)
    assert (read_picture(tmp_path / "out.png").image - wanted).abs().max() <= 0.51 / 255
    assert len(made) == bounded * (2 if name == "measured" or painting.controls.strength_map is not None else 1)


def test_the_memory_plan_counts_the_margin():
    painter, plain = (Painter(build("conditional", torch.float32, px), CPU, torch.float32) for px in (32, 0))
    assert painter.working_bytes(400, 500) == plain.working_bytes(464, 564) > plain.working_bytes(400, 500)
    assert painter.bytes_needed(400, 500) == plain.bytes_needed(464, 564) > plain.bytes_needed(400, 500)
    code = painter.model.encode([StyleLayer(0, 1.0, LEFT), StyleLayer(1, 1.0, 1 - LEFT)])
    assert painter.working_bytes(400, 500, code) == plain.working_bytes(464, 564, code)
    transposed = {**NARROW, "upsampling": "transposed"}
    spec = ModelSpec("transformer_net", transposed, margin_px=32)
    whole = Painter(StyleModel(build_network("transformer_net", transposed), spec), CPU, torch.float32)
    assert whole.engine is None
    assert whole.bytes_needed(400, 500, 2) == 2 * 464 * 564 * 1200


def test_files_carry_the_margin_and_old_ones_have_none(tmp_path):
    path = save_checkpoint(build("instance", torch.float32), tmp_path / "a.safetensors")
    assert load_checkpoint(path).spec.margin_px == 32
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["brushwork"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    assert header.pop("margin_px") == 32
    save_file(tensors, tmp_path / "old.safetensors", metadata={"brushwork": json.dumps(header)})
    assert load_checkpoint(tmp_path / "old.safetensors").spec.margin_px == 0
    for wrong in (-16, 8, 33, 112, "32", 32.0, True, None):
        save_file(tensors, path, metadata={"brushwork": json.dumps({**header, "margin_px": wrong})})
        with pytest.raises(CheckpointError, match="margin"):
            load_checkpoint(path)


@pytest.mark.parametrize("wrong", [-16, 8, 112])
def test_margins_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="multiple of 16"):
        ModelSpec("transformer_net", {}, margin_px=wrong)
