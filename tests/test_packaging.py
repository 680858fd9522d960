"""What pyproject promises is what the tree holds."""

from __future__ import annotations

import sys
from pathlib import Path

import brushwork
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_one() -> None:
    assert brushwork.__version__ == PROJECT["project"]["version"]


def test_packages_are_the_folders() -> None:
    folders = {
        ".".join(("brushwork", *path.parent.relative_to(ROOT).parts))
        for top in ("core", "nodes", "trainers", "cli")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders | {"brushwork"}


def test_every_python_folder_is_a_package() -> None:
    for top in ("core", "nodes", "trainers", "cli"):
        for path in (ROOT / top).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py and is not installed"


def test_the_pack_does_not_bring_its_own_torch() -> None:
    """A pack that lists torch may replace the CUDA build of the user's ComfyUI."""
    names = {line.split(">")[0].split("=")[0].strip() for line in (ROOT / "requirements.txt").read_text().split("\n")}
    assert not names & {"torch", "torchvision", "numpy", "pillow", "Pillow"}
