"""Data flows one way: nodes → trainers → core, cli → trainers → core; core imports torch and nothing else at load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {"core": set(), "trainers": {"core"}, "nodes": {"core", "trainers"}, "cli": {"core", "trainers"}}
HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "server", "execution"}


def python_files(folder: str) -> list[Path]:
    # an entry point may call the command line; nothing imports it
    return sorted(path for path in (ROOT / folder).rglob("*.py") if path.name != "__main__.py")


def imported(path: Path) -> list[tuple[str, bool]]:
    """(dotted target relative to the root or absolute name, is_ours) of every import, lazy ones too."""
    package = path.relative_to(ROOT).parent.parts
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module.split(".") if node.module else [])]
            found += (
                [(".".join(target), True)] if node.module else [(".".join([*target, a.name]), True) for a in node.names]
            )
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", False))
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_imports_a_higher_one(layer: str) -> None:
    for path in python_files(layer):
        for target, ours in imported(path):
            top = target.split(".")[0]
            if ours and top and top != layer:
                assert top in LAYERS[layer] or ("." not in target and top not in LAYERS), (
                    f"{path.relative_to(ROOT)} imports {target}: {layer} may only use {sorted(LAYERS[layer])}"
                )
            if not ours:
                assert top != "brushwork", f"{path.relative_to(ROOT)}: import relatively, ComfyUI knows no `brushwork`"
                assert layer == "nodes" or top not in HOST, f"{path.relative_to(ROOT)} imports the host: {target}"


def test_only_the_host_module_and_node_schemas_know_comfyui() -> None:
    for path in python_files("nodes"):
        hosts = {t.split(".")[0] for t, ours in imported(path) if not ours} & (HOST - {"comfy_api"})
        assert not hosts or path.name.startswith("_host"), f"{path.relative_to(ROOT)} imports {hosts}: use _host.py"


def test_importing_core_pulls_torch_and_the_standard_library_only() -> None:
    code = (
        "import sys, importlib, pkgutil; import torch; before = set(sys.modules)\n"
        "import brushwork.core\n"
        "for m in pkgutil.walk_packages(brushwork.core.__path__, 'brushwork.core.'): importlib.import_module(m.name)\n"
        "new = {n.split('.')[0] for n in set(sys.modules) - before} - sys.stdlib_module_names - {'brushwork'}\n"
        "print(sorted(n for n in new if not n.startswith('_')))"
    )
    prelude = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import conftest; sys.modules.pop('pytest')\n"
    done = subprocess.run([sys.executable, "-P", "-c", prelude + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    allowed = {"torch", "torchgen", "functorch"}
    assert set(ast.literal_eval(done.stdout.strip().splitlines()[-1])) <= allowed


def test_bare_folder_names_are_not_importable() -> None:
    """`nodes` on sys.path would shadow ComfyUI's own nodes.py for every other pack."""
    from importlib.util import find_spec

    spec = find_spec("nodes")
    assert spec is None or str(ROOT) not in str(spec.origin)


def test_no_file_grows_beyond_four_hundred_lines() -> None:
    for layer in (*LAYERS, "benchmarks"):
        for path in python_files(layer):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines: split it by concept"
