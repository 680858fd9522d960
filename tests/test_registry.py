"""What the ComfyUI registry wants of a pack, and what it bans."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
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


@pytest.mark.parametrize(("key", "name", "shape"), [("Icon", "icon.png", (1, 1)), ("Banner", "banner.jpg", (21, 9))])
def test_icon_and_banner_are_in_the_tree_in_the_registrys_shape(key: str, name: str, shape: tuple[int, int]) -> None:
    path = ROOT / "assets" / name
    assert path.stat().st_size < 200_000
    with Image.open(path) as image:
        width, height = image.size
    assert width * shape[1] == height * shape[0]
    assert height <= 800
    assert f'{key} = \\"$raw/{name}' in (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")


def test_publishing_adds_where_it_lives_and_the_project_claims_no_address(tmp_path: Path) -> None:
    """The workflow's own lines, run on a copy: what they append must land in the right tables."""
    assert "urls" not in PROJECT["project"]
    workflow = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    lines = workflow.partition("say where it comes from\n")[2].partition("      - if:")[0].splitlines()[1:]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    environment = {**os.environ, "GITHUB_REPOSITORY": "some/where"}
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=tmp_path, env=environment, check=True)
    published = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert published["project"]["urls"] == {"Repository": "https://github.com/some/where"}
    base = "https://raw.githubusercontent.com/some/where/main/assets"
    assert published["tool"]["comfy"]["Icon"] == f"{base}/icon.png"
    assert published["tool"]["comfy"]["Banner"] == f"{base}/banner.jpg"
    assert {key: published["tool"]["comfy"][key] for key in PROJECT["tool"]["comfy"]} == PROJECT["tool"]["comfy"]


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
