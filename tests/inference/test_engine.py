"""The engine against the plain path, in float64: every rewriting is exact, at every size and in every block height."""

import re
import sys

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.architectures.comatch import CoMatch
from brushwork.core.errors import BrushworkError, ConfigError
from brushwork.core.inference import Stylizer
from brushwork.core.inference.engine import Engine, moments, rows, supports
from brushwork.core.inference.engine.store import FileRows, MemoryRows, Workspace, stored_rows
from brushwork.core.inference.engine.window import Window, even_padding
from brushwork.core.inference.memory import available_bytes, parse_bytes
from brushwork.core.inference.painter import Painter, Plan
from brushwork.core.inference.video.statistics import SmoothedStatistics
from brushwork.core.spec import ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

SMALL = {"encoder_widths": [4, 6, 10], "decoder_widths": [6, 4], "blocks": 2}
ENCODER = {"widths": [[4, 4], [6, 6], [8, 8], [12]], "padding": "reflect", "ceil_pool": True, "input_conv": True}
FLOOR = {**ENCODER, "padding": "zero", "ceil_pool": False, "input_conv": False}
NETWORKS = {
    "instance": ("transformer_net", SMALL),
    "batch": ("transformer_net", {**SMALL, "norm": "batch"}),
    "zero padding": ("transformer_net", {**SMALL, "padding": "zero", "output": "sigmoid"}),
    "tensorflow": (
        "transformer_net",
        {**SMALL, "padding": "replicate", "down_padding": "same", "output_norm": True, "output": "tanh"},
    ),
    "bottleneck": ("transformer_net", {**SMALL, "bottleneck": 5}),
    "conditional": ("conditional_transformer_net", {**SMALL, "styles": 3}),
    "msg_net": ("msg_net", {"width": 8, "blocks": 2, "stem": 8, "down": 4, "up": [4, 2]}),
    "comatch": ("comatch", {"encoder": FLOOR, "widths": [10, 6, 5, 4], "blocks": [1, 2, 0, 0], "hidden": 7}),
    "adain": ("adain", {"encoder": ENCODER}),
    "modulated": ("adain", {"encoder": FLOOR, "widths": [10, 6, 5, 4], "blocks": [1, 2, 0, 0], "hidden": 7}),
    "adain floor": ("adain", {"encoder": FLOOR}),
}


def build(name: str, dtype: torch.dtype = torch.float64) -> StyleModel:
    """Random weights, with γ of both signs and batch statistics that are not the initial ones."""
    architecture, hyperparameters = NETWORKS[name]
    torch.manual_seed(0)
    network = build_network(architecture, hyperparameters)
    for parameter in network.parameters():
        if parameter.ndim == 1 or name == "conditional":
            torch.nn.init.normal_(parameter, 0.3, 0.4)
    for module in network.modules():
        if isinstance(module, CoMatch) and module.whitening is not None:
            torch.nn.init.normal_(module.whitening)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.get_buffer("running_mean").normal_()
            module.get_buffer("running_var").uniform_(0.5, 2)
    styles = tuple(StyleInfo(str(i)) for i in range(hyperparameters.get("styles", 1)))
    return StyleModel(network.to(dtype), ModelSpec(architecture, hyperparameters, styles=styles))


def style_of(model: StyleModel):
    if model.style_kind == "image":
        return torch.rand(1, 3, 40, 52, dtype=model.dtype)
    return {"0": 0.3, "2": 0.7} if model.style_kind == "conditional" else None


@pytest.fixture(params=[None, 600], ids=["blocks", "few rows"])
def small_blocks(request, monkeypatch):
    """Also with blocks of a few rows, so that every layer meets every kind of boundary between two blocks."""
    if request.param:
        monkeypatch.setattr(rows, "BLOCK_BYTES", request.param)
        monkeypatch.setattr(rows, "FEWEST_ROWS", 2)


@pytest.mark.parametrize("name", ["instance", "tensorflow", "conditional", "msg_net", "adain", "modulated", "comatch"])
def test_statistics_of_a_film_are_smoothed_as_in_the_plain_path(name):
    """The bright first frame lives on in how the darker ones are normalized."""
    model = build(name)
    engine = Engine(model, torch.float64)
    code = model.encode(style_of(model), 1)
    ours, plain = SmoothedStatistics(0.8), SmoothedStatistics(0.8)
    for contrast in (1.0, 0.6, 0.3):
        frame = torch.rand(1, 3, 37, 48, dtype=torch.float64) * contrast
        with ours.frame():
            painted = engine.paint(frame, code)
        with plain.frame():
            assert (painted - model.paint(frame, code)).abs().max() < 1e-10
    assert (painted - engine.paint(frame, code)).abs().max() > 1e-6
    assert len(ours.state_dict()) == len(plain.state_dict()) > 0


@pytest.mark.parametrize(("keep", "half"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("size", [(48, 48), (37, 58), (17, 90)])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_picture_as_the_plain_path(name, size, keep, half, small_blocks):
    model = build(name)
    photo = torch.rand(2, 3, *size, dtype=torch.float64)
    code = model.encode(style_of(model), 2)
    painted = Engine(model, torch.float64).paint(photo, code, keep=keep, half=half)
    assert (painted - model.paint(photo, code)).abs().max() < 1e-10


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_is_near(name):
    model = build(name, torch.float32)
    photo = torch.rand(1, 3, 64, 64)
    code = model.encode(style_of(model), 1)
    error = (Engine(model, torch.bfloat16).paint(photo, code) - model.paint(photo, code)).square().mean()
    assert -10 * error.log10() > 28  # random weights; docs/performance.md has trained ones


def test_layers_in_files_are_layers_in_memory(tmp_path):
    model = build("instance")
    photo = torch.rand(1, 3, 40, 44, dtype=torch.float64)
    engine = Engine(model, torch.float64)
    assert torch.equal(engine.paint(photo, None, keep=False, spill=tmp_path), engine.paint(photo, None, keep=False))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained(tmp_path, monkeypatch):
    store = FileRows(tmp_path, 4, 8, 16, torch.float32)

    class Full:
        def seek(self, place):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

    store._file.close()
    monkeypatch.setattr(store, "_file", Full())
    with pytest.raises(BrushworkError, match=r"MiB of free disk[\s\S]*No space left"):
        store.write(0, rows.empty_rows(4, 8, 16, torch.float32, torch.device("cpu")))


def test_networks_that_the_engine_cannot_run_take_the_plain_path():
    transposed = {**SMALL, "upsampling": "transposed"}
    model = StyleModel(build_network("transformer_net", transposed), ModelSpec("transformer_net", transposed))
    assert not supports(model)
    photo = torch.rand(1, 3, 40, 40)
    assert torch.equal(Stylizer(model, "cpu")(photo), model(photo))


def test_moments_of_blocks_are_those_of_the_whole():
    data = torch.randn(1, 5, 64, 30, dtype=torch.float64) * torch.arange(1, 6).view(1, 5, 1, 1) + 100
    found = moments.Moments()
    for first in range(0, 64, 10):
        found.add(data[:, :, first : first + 10].contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found.mean, data.mean((0, 2, 3)), rtol=1e-12)
    assert torch.allclose(found.variance, data.var((0, 2, 3), correction=0), rtol=1e-10)
    assert torch.allclose(found.unbiased_variance, data.var((0, 2, 3)), rtol=1e-10)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 5e-7), (torch.bfloat16, 1e-6)])
@pytest.mark.parametrize(("height", "width"), [(64, 512), (61, 509)])
def test_moments_of_few_channels_behind_a_relu_lose_nothing(dtype, bound, height, width):
    """One running sum of so many positive values is 1e-6 to 1e-5 σ off, and half precision's own a thousandth."""
    block = torch.randn(1, 5, height, width).relu_().to(dtype).contiguous(memory_format=torch.channels_last)
    right = block.double()
    found = moments.Moments()
    found.add(block)
    deviation = right.std((0, 2, 3), correction=0)
    assert float(((found.mean - right.mean((0, 2, 3))) / deviation).abs().max()) < bound
    assert float((found.variance.sqrt() / deviation - 1).abs().max()) < 5 * bound


@pytest.mark.parametrize(
    ("mode", "torch_mode"), [("reflect", "reflect"), ("replicate", "replicate"), ("zero", "constant")]
)
@pytest.mark.parametrize(("kernel", "stride"), [(9, 1), (3, 2), (10, 2), (3, 1), (1, 1)])
def test_window_pieces_are_the_padded_picture(mode, torch_mode, kernel, stride):
    pad = (kernel - 1) // 2
    image = torch.rand(1, 2, 26, 22).contiguous(memory_format=torch.channels_last)
    padded = torch.nn.functional.pad(image, (pad,) * 4, mode=torch_mode)
    for outputs in (1, 3, 50):
        for height in (1, 4, 26):
            window = Window(2, 22, kernel, stride, even_padding(mode, pad), outputs, image.dtype, image.device)
            blocks = (image[:, :, i : i + height] for i in range(0, 26, height))
            top = 0
            for piece in window.pieces(blocks, rows.copy):
                assert torch.equal(piece, padded[:, :, top : top + piece.shape[2]])
                top += (piece.shape[2] - kernel) // stride * stride + stride
            assert top == ((padded.shape[2] - kernel) // stride + 1) * stride


def test_a_store_can_be_written_behind_where_it_is_read():
    data = torch.arange(24.0).view(1, 1, 24, 1).contiguous(memory_format=torch.channels_last)
    store, seen = MemoryRows(data), []
    for block in stored_rows(store):
        seen += block.flatten().tolist()
        store.write(0, -block[:, :, :1].clone())
    assert seen == list(range(24))


def test_memory_of_a_run_is_found_again():
    workspace = Workspace(torch.device("cpu"))
    first = workspace.rows("full", 4, 16, 16, torch.float32)
    assert workspace.rows("full", 4, 16, 16, torch.float32).data.data_ptr() == first.data.data_ptr()
    workspace.clear()
    assert not workspace._pieces


@pytest.mark.parametrize("name", ["conditional", "modulated", "comatch"])
def test_memory_of_a_run_under_inference_mode_serves_others_too(name):
    """A node paints under inference_mode, a preview of another Stylizer without: both use the same windows."""
    model, photo, style = build(name), torch.rand(1, 3, 40, 52, dtype=torch.float64), torch.rand(1, 3, 32, 32).double()
    picked = 0 if name == "conditional" else style
    own = Stylizer(model, "cpu", "exact")
    with torch.inference_mode():
        painted = own(photo, picked)
    assert torch.equal(own(photo, picked), painted)
    assert torch.equal(Stylizer(model, "cpu", "exact")(photo, picked), painted)


def test_the_engine_tells_how_far_it_is_and_can_be_stopped():
    model, seen = build("instance", torch.float32), []
    Painter(model, torch.device("cpu"), torch.float32).paint(torch.rand(2, 3, 40, 40), None, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 10

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Painter(model, torch.device("cpu"), torch.float32).paint(torch.rand(1, 3, 40, 40), None, stop)


def test_the_fastest_plan_that_fits_is_first(monkeypatch):
    painter = Painter(build("instance", torch.float32), torch.device("cpu"), torch.float32)
    assert painter.plans(64, 64)[0] == Plan(keep=True)
    for half in (True, False):
        stored, _ = painter.engine.program.stored_bytes(4000, 4000, keep=False, half=half)
        painter.max_memory = stored + painter.working_bytes(4000, 4000)
        assert painter.plans(4000, 4000)[0] == Plan(keep=False, half=half)
    painter.max_memory = painter.working_bytes(4000, 4000)
    assert painter.plans(4000, 4000)[0].spill is not None
    monkeypatch.setattr("brushwork.core.inference.painter.free_disk_bytes", lambda folder: 10)
    with pytest.raises(BrushworkError, match=r"of memory, or .* of free disk"):
        painter.plans(4000, 4000)


def test_a_bound_that_cannot_be_held_is_refused_with_the_least_that_can():
    painter = Painter(build("instance", torch.float32), torch.device("cpu"), torch.float32, max_memory=20 << 20)
    with pytest.raises(BrushworkError, match="4000×300 px") as caught:
        painter.plans(300, 4000)
    least = int(re.search(r"bound of (\d+) MiB", str(caught.value))[1])
    painter.max_memory = least << 20
    assert painter.plans(300, 4000)
    painter.max_memory = (least - 1) << 20
    with pytest.raises(BrushworkError):
        painter.plans(300, 4000)


def test_a_run_that_does_not_fit_is_tried_in_a_smaller_way(monkeypatch):
    painter = Painter(build("instance", torch.float32), torch.device("cpu"), torch.float32)
    real, tried = painter.engine.paint, []

    def paint(photo, code, *, keep, **options):
        tried.append((keep, options["half"]))
        if keep:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
        return real(photo, code, keep=keep, **options)

    monkeypatch.setattr(painter.engine, "paint", paint)
    photo = torch.rand(1, 3, 40, 40)
    assert (painter.paint(photo, None) - painter.model(photo)).abs().max() < 2e-5
    assert tried == [(True, False), (False, True)]


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults")
def test_the_second_picture_costs_no_page_faults():
    import resource

    engine = Engine(build("instance", torch.float32), torch.float32)
    photo = torch.rand(1, 3, 512, 512)
    for _ in range(3):
        engine.paint(photo, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    engine.paint(photo, None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 3500  # the painting itself: 768 pages, twice


@pytest.mark.parametrize(
    ("text", "expected"), [("2GiB", 2 << 30), ("512MB", 512 << 20), ("1.5 g", 3 << 29), ("1000000", 1_000_000)]
)
def test_sizes_are_read(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1GiB", "0"])
def test_what_is_no_size_is_explained(text):
    with pytest.raises(ConfigError, match="2GiB"):
        parse_bytes(text)


def test_available_memory_is_plausible():
    assert 1 << 26 < available_bytes(torch.device("cpu")) < 1 << 46


def test_the_memory_that_is_asked_for_is_that_of_the_plan():
    model = build("instance", torch.float32)
    plain = Painter(model, torch.device("cpu"), torch.float32)
    stored, working = plain.engine.program.stored_bytes, plain.working_bytes(2000, 3000)
    for keep, half in ((True, False), (False, True), (False, False)):
        size = stored(2000, 3000, keep=keep, half=half)[0] + working
        painter = Painter(model, torch.device("cpu"), torch.float32, max_memory=size)
        assert painter.plans(2000, 3000)[0] == Plan(keep, half)
        assert painter.bytes_needed(2000, 3000) == size
    painter = Painter(model, torch.device("cpu"), torch.float32, max_memory=working)
    assert painter.plans(2000, 3000)[0].spill is not None
    assert painter.bytes_needed(2000, 3000) == stored(2000, 3000, keep=False)[0] + working


def test_the_plain_path_asks_for_its_activations():
    transposed = {**SMALL, "upsampling": "transposed"}
    model = StyleModel(build_network("transformer_net", transposed), ModelSpec("transformer_net", transposed))
    stylizer = Stylizer(model, "cpu", max_batch=4)
    one = stylizer.bytes_needed(1, 500, 500)
    assert one == 500 * 500 * 1200
    assert stylizer.bytes_needed(3, 500, 500) == 3 * one
    assert stylizer.bytes_needed(9, 500, 500) == 4 * one
    assert stylizer.bytes_needed(9, 2000, 2000) == 16 * one
