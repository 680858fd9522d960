"""A local Hub, an empty cache, and manifest entries that point there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(name: str) -> ModuleType:
    # tests have no __init__.py, so siblings are loaded by path
    spec = importlib.util.spec_from_file_location(f"brushwork_tests_{name}", Path(__file__).parent / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


hub_server = _load("hub_server")


BIND = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "brushwork", {str(ROOT / "__init__.py")!r}, submodule_search_locations=[{str(ROOT)!r}])
sys.modules["brushwork"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
"""As tests/conftest.py does it: the checkout under test is what runs, installed or not."""


@pytest.fixture
def python_command() -> Callable[..., list[str]]:
    """python_command(code, *arguments) → a command line for a process that knows `brushwork`."""
    return lambda code, *arguments: [sys.executable, "-W", "error", "-c", BIND + code, *map(str, arguments)]


@pytest.fixture
def hub_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HF_HOME, no token, online; returns HF_HOME."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "HF_ASSETS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("BRUSHWORK_MODELS", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return tmp_path / "hf"


@pytest.fixture
def hub(hub_env: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A running local Hub; HF_ENDPOINT names it."""
    server = hub_server.HubServer()
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    yield server
    server.stop()


@pytest.fixture
def make_repo() -> Callable[..., Any]:
    """make_repo({path: bytes}, lfs=, gated=, …) → a repository for `hub.repos`."""
    return hub_server.Repo


@pytest.fixture
def make_entry() -> Callable[..., Any]:
    """make_entry(sha256=…, source=…) → a WeightEntry of `owner/paint`, file `models/candy.pth`."""
    from brushwork.core.hub.manifest import manifest_from_dict

    def make(source: dict[str, Any] | None = None, **fields: Any) -> Any:
        row = {
            "id": "candy",
            "title": "Candy",
            "kind": "style_model",
            "architecture": "transformer_net",
            "source": {
                "type": "hub", "repo_id": "owner/paint", "filename": "models/candy.pth", "revision": "main",
                **(source or {}),
            },
            "bytes": None,
            "sha256": None,
            "format": "pth",
            "input_normalization": "raw255",
            "styles": ["candy"],
            "license": "MIT",
            "attribution": "owner",
            **fields,
        }  # fmt: skip
        return manifest_from_dict({"schema_version": 1, "entries": [row]}).entries[0]

    return make
