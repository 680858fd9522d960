"""Import the pack as `brushwork` from a checkout folder of any name, installed or not; forbid the network."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


def _bind_checkout() -> None:
    """The checkout under test is what runs, not an installed copy."""
    spec = importlib.util.spec_from_file_location(
        "brushwork", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["brushwork"] = module
    spec.loader.exec_module(module)


if "brushwork" not in sys.modules:
    _bind_checkout()


@pytest.fixture
def fast_is_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fast` computes in bfloat16 on this machine too, if only by imitation."""
    monkeypatch.setattr("brushwork.core.inference.device.bf16_is_fast", lambda _: True)


@pytest.fixture(scope="session", autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """One that wakes while the interpreter ends can abort the process (pytorch/pytorch issue 38228)."""
    yield
    left = [t for t in threading.enumerate() if t is not threading.current_thread() and t.name != "tqdm_monitor"]
    for thread in left:
        thread.join(5)
    assert not [t for t in left if t.is_alive()]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(2016)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine may be talked to."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address}; tests run without network")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def shared() -> Path:
    """The developers' data beside the checkout; tests that need it skip elsewhere."""
    path = ROOT.parent / "shared"
    if not (path / "checkpoints").is_dir():
        pytest.skip("no ../shared beside this checkout")
    return path
