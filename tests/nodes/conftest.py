"""A stand-in for ComfyUI, small enough to read: what nodes/ imports of it, recording what is asked of it.

The real thing is tested in tests/comfyui; here the nodes' own logic runs in milliseconds and without it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from brushwork.core.architectures import build_network
from brushwork.core.architectures._layers import ConditionalInstanceNorm
from brushwork.core.spec import IDENTITY, ModelSpec, StyleInfo
from brushwork.core.style_model import StyleModel

SMALL = {"encoder_widths": (4, 4, 8), "decoder_widths": (4, 4), "blocks": 1, "output": "sigmoid"}


class Interrupted(BaseException):
    """Stands for InterruptProcessingException, which newer versions derive from BaseException."""


class OutOfMemory(RuntimeError):
    """Stands for the device's own exception."""


class Slot:
    """An input or output as the schema declared it."""

    def __init__(self, io_type: str, name: str = "", *args: object, **options: object) -> None:
        self.io_type, self.name, self.args, self.options = io_type, name, args, options


def wire(io_type: str) -> SimpleNamespace:
    """Stands for io.Image, io.Custom("…"), …"""
    return SimpleNamespace(
        io_type=io_type,
        Input=lambda name, *args, **options: Slot(io_type, name, *args, **options),
        Output=lambda **options: Slot(io_type, options.get("display_name", ""), **options),
    )


def multi_type(name: str, types: list, **options: object) -> Slot:
    return Slot(",".join(one.io_type for one in types), name, **options)


class NodeBase:
    """Stands for the base class of all nodes."""

    hidden = SimpleNamespace(unique_id="7")

    @classmethod
    def GET_SCHEMA(cls) -> SimpleNamespace:  # noqa: N802
        return cls.define_schema()


class NodeOutput:
    def __init__(self, *args: object, ui: object = None) -> None:
        self.args, self.ui = args, ui

    def __getitem__(self, index: int) -> object:
        return self.args[index]


class Host:
    """The stand-in's state, for tests to set and to look at."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self.steps: list[tuple[int, int]] = []
        self.previews: list[tuple[int, int]] = []
        self.texts: list[str] = []
        self.room: list[float] = []
        self.emptied = 0
        self.messages: list[str] = []
        self.routes = Routes()
        self.interrupt_after: int | None = None

    def check(self) -> None:
        if self.interrupt_after is not None and len(self.steps) >= self.interrupt_after:
            raise Interrupted

    def update(self, value: int, total: int, preview: tuple | None = None) -> None:
        if preview is None:
            self.steps.append((value, total))
        else:
            self.previews.append(preview[1].size)

    def empty(self) -> None:
        self.emptied += 1


class Routes:
    """As much of aiohttp's route table as registering needs."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], object] = {}

    def get(self, path: str):
        return lambda handler: self.known.setdefault(("GET", path), handler)

    def post(self, path: str):
        return lambda handler: self.known.setdefault(("POST", path), handler)


def stand_ins(host: Host) -> dict[str, ModuleType]:
    """The modules, by name."""
    folders: dict[str, tuple[list[str], set[str]]] = {}

    def add(name: str, path: str) -> None:
        folders.setdefault(name, ([], set()))[0].append(path)

    def annotated_filepath(name: str) -> tuple[str, str | None]:
        for kind in ("output", "input", "temp"):
            if name.endswith(f"[{kind}]"):
                return name[: -len(kind) - 3], str(host.models.parents[1] / kind)
        return name, None

    io = SimpleNamespace(
        ComfyNode=NodeBase,
        NodeOutput=NodeOutput,
        Schema=lambda **fields: SimpleNamespace(**{"is_output_node": False, **fields}),
        Custom=wire,
        MultiType=SimpleNamespace(Input=multi_type),
        Autogrow=SimpleNamespace(
            Input=wire("COMFY_AUTOGROW_V3").Input,
            TemplatePrefix=lambda one, **options: SimpleNamespace(one=one, **options),
        ),
        NumberDisplay=SimpleNamespace(slider="slider"),
        Hidden=SimpleNamespace(unique_id="UNIQUE_ID"),
        Input=Slot,
        **{name: wire(name.upper()) for name in ("Image", "Mask", "Float", "Int", "String", "Combo", "Boolean")},
    )
    cpu = torch.device("cpu")
    management = {
        "get_torch_device": lambda: cpu,
        "unet_offload_device": lambda: cpu,
        "intermediate_device": lambda: cpu,
        "load_models_gpu": lambda models, memory_required, force_full_load: host.room.append(memory_required),
        "unload_all_models": host.empty,
        "soft_empty_cache": lambda: None,
        "throw_exception_if_processing_interrupted": host.check,
        "OOM_EXCEPTION": OutOfMemory,
    }
    server = SimpleNamespace(
        send_progress_text=lambda text, node_id: host.texts.append(text),
        send_sync=lambda event, data: host.messages.append(event),
        routes=host.routes,
    )
    contents: dict[str, dict] = {
        "comfy": {},
        "comfy.model_management": management,
        "comfy.model_patcher": {"ModelPatcher": lambda network, **devices: SimpleNamespace(model=network)},
        "comfy.utils": {"ProgressBar": lambda total: SimpleNamespace(update_absolute=host.update)},
        "comfy_api": {},
        "comfy_api.latest": {
            "io": io,
            "ui": SimpleNamespace(PreviewText=lambda text: text, PreviewImage=lambda image: image),
            "ComfyExtension": object,
        },
        "folder_paths": {
            "models_dir": str(host.models.parent),
            "folder_names_and_paths": folders,
            "add_model_folder_path": add,
            "get_folder_paths": lambda name: list(folders[name][0]),
            "get_input_directory": lambda: str(host.models.parents[1] / "input"),
            "get_output_directory": lambda: str(host.models.parents[1] / "output"),
            "get_user_directory": lambda: str(host.models.parents[1] / "user"),
            "annotated_filepath": annotated_filepath,
            "get_temp_directory": lambda: str(host.models.parents[1] / "temp"),
        },
        "server": {"PromptServer": SimpleNamespace(instance=server)},
    }
    modules = {name: ModuleType(name) for name in contents}
    for name, content in contents.items():
        modules[name].__dict__.update(content)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    return modules


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The stand-in, with `nodes` freshly imported on top of it and its model folder registered."""
    state = Host(tmp_path / "models" / "style_transfer")
    state.models.mkdir(parents=True)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    for name in [name for name in sys.modules if name.startswith("brushwork.nodes")]:
        monkeypatch.delitem(sys.modules, name)
    for name, module in stand_ins(state).items():
        monkeypatch.setitem(sys.modules, name, module)
    face = importlib.import_module("brushwork.nodes._host")
    face.register_model_folder()
    monkeypatch.setattr(face, "PARTS_EVERY_S", 3600.0)  # how often strips are shown depends on the machine
    yield state
    for name in [name for name in sys.modules if name.startswith("brushwork.nodes")]:
        del sys.modules[name]


@pytest.fixture
def node(host):
    """Module and class name → the node class."""

    def find(module: str, name: str) -> type:
        return getattr(importlib.import_module(f"brushwork.nodes.{module}"), name)

    return find


def random_model(architecture: str, names: tuple[str, ...], **hyperparameters: object) -> StyleModel:
    network = build_network(architecture, hyperparameters)
    for module in network.modules():
        if isinstance(module, ConditionalInstanceNorm):  # fresh ones hold the same γ and β for every style
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    return StyleModel(network, ModelSpec(architecture, hyperparameters, styles=tuple(map(StyleInfo, names))))


@pytest.fixture
def hosted(host):
    """Kind → a small random model as it travels on the wire."""
    wrap = importlib.import_module("brushwork.nodes._hosted_model").HostedModel
    encoder = {"widths": ((4,), (6,), (8,)), "padding": "reflect"}
    modulated = {"encoder": encoder, "widths": (6, 5, 4), "blocks": (0, 1, 0), "hidden": 8}
    return {
        "fixed": wrap(random_model("transformer_net", ("only",), **SMALL)),
        "conditional": wrap(random_model("conditional_transformer_net", ("a", "b", "7", IDENTITY), styles=4, **SMALL)),
        "image": wrap(random_model("microast", (), widths=(4, 4, 4))),
        "msg_net": wrap(random_model("msg_net", (), width=8, blocks=1, stem=8, down=4, up=(4, 4), expansion=2)),
        "comatch": wrap(random_model("comatch", (), **modulated)),
    }


@pytest.fixture
def oom() -> type[Exception]:
    return OutOfMemory


@pytest.fixture
def interrupted() -> type[BaseException]:
    return Interrupted
