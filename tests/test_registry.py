"""What the ComfyUI registry wants of a pack, and what it bans."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = sorted(path for top in ("core", "nodes", "trainers", "cli") for path in (ROOT / top).rglob("*.py"))
BANNED_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads"}
BANNED_MODULES = {"subprocess", "pip", "ensurepip", "marshal"}


def test_the_registrys_fields() -> None:
    comfy = PROJECT["tool"]["comfy"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", PROJECT["project"]["version"])
    assert "comfyui" not in PROJECT["project"]["name"].lower()
    assert len(PROJECT["project"]["name"]) < 100
    assert comfy["DisplayName"]
    assert comfy["PublisherId"]
    assert re.fullmatch(r">=\d+\.\d+\.\d+", comfy["requires-comfyui"])
    assert PROJECT["project"]["urls"]["Repository"].startswith("https://")


@pytest.mark.parametrize(("key", "shape"), [("Icon", (1, 1)), ("Banner", (21, 9))])
def test_icon_and_banner_are_in_the_tree_in_the_registrys_shape(key: str, shape: tuple[int, int]) -> None:
    address = PROJECT["tool"]["comfy"][key]
    base = PROJECT["project"]["urls"]["Repository"].replace("github.com", "raw.githubusercontent.com")
    assert address.startswith(f"{base}/main/")
    path = ROOT / address.removeprefix(f"{base}/main/")
    assert path.stat().st_size < 200_000
    with Image.open(path) as image:
        width, height = image.size
    assert width * shape[1] == height * shape[0]
    assert height <= 800


@pytest.mark.parametrize("path", [*SHIPPED, ROOT / "__init__.py"], ids=lambda path: path.stem)
def test_nothing_shipped_runs_code_from_text_or_other_programs(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in BANNED_CALLS, f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            absolute = isinstance(node, ast.Import) or not node.level
            found = {name.split(".")[0] for name in names} & BANNED_MODULES if absolute else set()
            assert not found, f"{path.relative_to(ROOT)}:{node.lineno} imports {found}"


def test_the_archive_has_what_the_page_needs_and_no_tests() -> None:
    ignored = (ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines()
    for folder in ("core", "nodes", "trainers", "cli", "web", "locales", "example_workflows", "subgraphs", "weights"):
        assert not [line for line in ignored if line.strip("/") == folder]
    assert "/assets/" not in ignored
    assert {"/tests/", "/benchmarks/", "/docs/"} <= set(ignored)
