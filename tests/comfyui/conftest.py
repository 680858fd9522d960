"""A real ComfyUI with this checkout in its custom_nodes, started once for all tests marked `comfyui`.

How to run: put a ComfyUI checkout (0.14 or newer) outside this repository, install its requirements somewhere, then

    COMFYUI_DIR=/path/to/ComfyUI COMFYUI_PYTHON=/path/to/its/python pytest -m comfyui

The server runs on the CPU, without network, in an empty base folder. Nothing of the checkout is written to.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PACK = "comfyui-brushwork"
START_S, PROMPT_S = 180, 60
LEFT_OUT = {"tests", "docs", "benchmarks", "build", "dist"}


def left_out(folder: str, names: list[str]) -> set[str]:
    """What .comfyignore keeps out of the registry's archive, and hidden files; for shutil.copytree."""
    at_top = LEFT_OUT if Path(folder) == ROOT else set()
    return {name for name in names if name in at_top or name.startswith((".", "__pycache__")) or "egg-info" in name}


class WebSocket:
    """As much of RFC 6455 as listening to ComfyUI needs, so that the tests need no client library."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PROMPT_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self._socket.makefile("rb")
        assert b"101" in self._stream.readline()
        while self._stream.readline() not in (b"\r\n", b""):
            pass

    def receive(self) -> tuple[str, dict] | bytes:
        """Next message: (type, data) of a JSON one, or the bytes of a binary one (previews, texts)."""
        message, final, opcode = b"", False, 0
        while not final:
            head, length = self._stream.read(2)
            final, opcode, length = bool(head & 0x80), head & 0x0F, length & 0x7F
            if length > 125:
                size = 2 if length == 126 else 8
                length = struct.unpack(">H" if size == 2 else ">Q", self._stream.read(size))[0]
            payload = self._stream.read(length)
            if opcode >= 8:  # ping, pong, close
                continue
            message += payload
        if opcode == 2:
            return message
        decoded = json.loads(message)
        return decoded["type"], decoded["data"]

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Server:
    """What the tests ask of the running ComfyUI."""

    def __init__(self, port: int, base: Path, log: Path) -> None:
        self.port, self.base, self._log = port, base, log

    @property
    def models(self) -> Path:
        return self.base / "models" / "style_transfer"

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def request(self, path: str, data: dict | None = None) -> tuple[int, bytes]:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body)
        try:
            with urllib.request.urlopen(request, timeout=PROMPT_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def get(self, path: str) -> dict:
        status, body = self.request(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def defaults(self, node: str) -> dict:
        """The values of a fresh node's widgets."""
        info = self.get(f"/object_info/{node}")[node]
        found = {}
        for name, (kind, *rest) in {**info["input"].get("required", {}), **info["input"].get("optional", {})}.items():
            options = rest[0] if rest else {}
            if "default" in options:
                found[name] = options["default"]
            elif kind == "COMBO" or isinstance(kind, list):
                found[name] = (options.get("options") or kind)[0]
        return found

    def sizes(self, output: dict) -> list[tuple[int, int]]:
        """(Width, height) of the pictures that a node of a finished prompt has shown."""
        found = []
        for picture in output["images"]:
            query = f"/view?filename={picture['filename']}&subfolder={picture['subfolder']}&type={picture['type']}"
            status, body = self.request(query)
            assert status == 200
            with Image.open(io.BytesIO(body)) as image:
                found.append(image.size)
        return found

    def listen(self) -> tuple[WebSocket, str]:
        client = uuid.uuid4().hex
        return WebSocket(self.port, f"/ws?clientId={client}"), client

    def run(self, prompt: dict) -> tuple[dict, list]:
        """Queue a prompt in API format; its history entry and all messages on the way."""
        messages = []
        socket_, client = self.listen()
        try:
            status, body = self.request("/prompt", {"prompt": prompt, "client_id": client})
            assert status == 200, body.decode()
            prompt_id = json.loads(body)["prompt_id"]
            while True:
                message = socket_.receive()
                messages.append(message)
                if isinstance(message, tuple) and message[1].get("prompt_id") == prompt_id:
                    kind, data = message
                    if kind in ("execution_error", "execution_interrupted"):
                        return {"status": {"status_str": kind}, "error": data, "outputs": {}}, messages
                    if kind == "executing" and data.get("node") is None:
                        break
        finally:
            socket_.close()
        return self.get(f"/history/{prompt_id}")[prompt_id], messages


@pytest.fixture(scope="session")
def comfyui() -> tuple[Path, str]:
    """Folder of the checkout and the Python that has its requirements."""
    folder = os.environ.get("COMFYUI_DIR")
    if not folder:
        pytest.skip("COMFYUI_DIR is not set")
    return Path(folder).resolve(), os.environ.get("COMFYUI_PYTHON", sys.executable)


def install(base: Path) -> Path:
    """The folders of an empty user of ComfyUI, with the pack as the registry would install it."""
    for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base / name).mkdir(parents=True)
    shutil.copytree(ROOT, base / "custom_nodes" / PACK, ignore=left_out)
    return base


@pytest.fixture
def fresh_base(tmp_path: Path) -> Path:
    """Right after the install: no photo, no models folder."""
    return install(tmp_path / "fresh")


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack, what the tests ask the server (probe/), tiny models, one photo."""
    base = install(tmp_path_factory.mktemp("comfyui") / "base")
    shutil.copytree(Path(__file__).with_name("probe"), base / "custom_nodes" / "brushwork-probe")
    (base / "models" / "style_transfer").mkdir()
    ramp = torch.linspace(0, 255, 96).to(torch.uint8).expand(64, 96)
    Image.fromarray(torch.stack((ramp, ramp.flip(1), ramp), -1).numpy()).save(base / "input" / "example.png")
    save_tiny_models(base / "models" / "style_transfer")
    save_tiny_encoder(base / "models" / "style_transfer" / "tiny-encoder.safetensors")
    got = base / "models" / "style_transfer" / "tiny" / "style" / "style.safetensors"  # as Get Style would put it
    got.parent.mkdir(parents=True)
    shutil.copy(base / "models" / "style_transfer" / "tiny-transformer_net.safetensors", got)
    return base


def save_tiny_models(folder: Path) -> None:
    """One random model of each kind, named after the kind."""
    from brushwork.core.architectures import build_network
    from brushwork.core.architectures._layers import ConditionalInstanceNorm
    from brushwork.core.checkpoints import save_checkpoint
    from brushwork.core.spec import IDENTITY, ModelSpec, StyleInfo
    from brushwork.core.style_model import StyleModel

    small = {"encoder_widths": (8, 8, 16), "decoder_widths": (8, 8), "blocks": 1}
    kinds = {
        "transformer_net": (small, ["only"]),
        "conditional_transformer_net": (
            {**small, "styles": 4},
            ["starry-night", "great-wave", "klimt-adele", IDENTITY],
        ),
        "msg_net": ({"width": 8, "blocks": 1, "stem": 8, "down": 4, "up": (4, 4), "expansion": 2}, []),
        "microast": ({"widths": (4, 8, 8)}, []),
    }
    torch.manual_seed(1)
    for architecture, (hyperparameters, names) in kinds.items():
        spec = ModelSpec(architecture, hyperparameters, styles=tuple(StyleInfo(name) for name in names))
        network = build_network(architecture, hyperparameters)
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):  # so that random weights give pictures, not black or grey
                torch.nn.init.kaiming_normal_(module.weight)
                if module.out_channels == 3 and module.bias is not None:
                    module.weight.data *= 5
                    torch.nn.init.constant_(module.bias, 0.5)
            elif isinstance(module, ConditionalInstanceNorm):  # fresh ones are the same for every style
                torch.nn.init.normal_(module.bias)
        model = StyleModel(network, spec)
        save_checkpoint(model, folder / f"tiny-{architecture}.safetensors")


def save_tiny_encoder(path: Path) -> None:
    """A random loss network, so that trainings take milliseconds a step."""
    from brushwork.core.architectures.vgg import VGGConfig, VGGFeatures
    from brushwork.core.checkpoints.encoder import save_encoder

    torch.manual_seed(1)
    network = VGGFeatures(VGGConfig(((4, 4), (5, 5), (6, 6), (7, 7), (8,)), "reflect"))
    for parameter in network.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    save_encoder(network, path, title="tiny", license_id="MIT", provenance={})


@pytest.fixture(scope="session")
def server(comfyui: tuple[Path, str], base_folder: Path):
    """A started server without network; stopped at the end of the session."""
    with started(comfyui, base_folder, {"HF_HUB_OFFLINE": "1"}) as running:
        yield running


@pytest.fixture(scope="session")
def start_server(comfyui: tuple[Path, str]):
    """start_server(base, environment) → a context with another server."""
    return lambda base, environment: started(comfyui, base, environment)


@contextlib.contextmanager
def started(comfyui: tuple[Path, str], base: Path, environment: dict[str, str]):
    """A server over a base folder; it has answered, and is stopped at the end."""
    folder, python = comfyui
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = base / f"server-{port}.log"
    command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--disable-api-nodes"]
    command += ["--disable-auto-launch", "--base-directory", str(base)]
    command += ["--database-url", "sqlite:///:memory:"]
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=output)
    running = Server(port, base, log)
    try:
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, f"ComfyUI ended at its start:\n{running.log[-4000:]}"
            assert time.monotonic() < deadline, f"ComfyUI did not start in {START_S} s:\n{running.log[-4000:]}"
            try:
                running.get("/system_stats")
                break
            except OSError:
                time.sleep(0.25)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
