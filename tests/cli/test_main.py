"""Exit codes, help, and what stands on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from brushwork.cli import main as cli
from brushwork.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent.parent

RUN_PACK = (
    "import importlib.util, sys; "
    f"spec = importlib.util.spec_from_file_location('brushwork', {str(ROOT / '__init__.py')!r}, "
    f"submodule_search_locations=[{str(ROOT)!r}]); "
    "module = importlib.util.module_from_spec(spec); sys.modules['brushwork'] = module; "
    "spec.loader.exec_module(module); "
)


def test_help_imports_nothing_heavy():
    code = RUN_PACK + (
        "from brushwork.cli.main import main; code = main(['--help']); "
        "heavy = {'torch', 'numpy', 'PIL', 'huggingface_hub'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_a_real_process_stylizes_and_prints_the_path(model, photo, tmp_path):
    out = tmp_path / "out.png"
    code = RUN_PACK + "from brushwork.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "stylize", str(photo), "-o", str(out), "--model", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert done.stderr == ""
    assert out.is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_module_and_a_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"brushwork {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["paint"], ["stylize"], ["stylize", "a.png"], ["convert", "a", "-x"]])
def test_wrong_use_is_2_with_a_hint(arguments, capsys):
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert "--help" in streams.err
    assert "Traceback" not in streams.err
    assert streams.out == ""


def test_version(capsys):
    from brushwork import __version__

    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (KeyboardInterrupt(), 130, "Interrupted"),
        (ZeroDivisionError("by us"), 1, "fault of Brushwork"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_exit_codes_of_what_goes_wrong_inside(monkeypatch, capsys, raised, code, text):
    def fail(args):
        raise raised

    monkeypatch.setattr(cli, "_run", fail)
    assert main(["demo"]) == code
    streams = capsys.readouterr()
    assert text in streams.err
    assert ("Traceback" in streams.err) == (code == 1)


def test_a_closed_pipe_is_no_fault(tmp_path):
    code = RUN_PACK + (
        "from brushwork.cli import main as cli; cli._run = lambda args: print('x' * 1000000) or 0; "
        "sys.exit(cli.main(['demo']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0
    assert error == b""


def test_our_errors_are_2_without_traceback(capsys):
    assert main(["inspect", "no-such-file.pth"]) == 2
    error = capsys.readouterr().err
    assert "no-such-file.pth" in error
    assert "expected:" in error
    assert "got:" in error
    assert "do:" in error
    assert "Traceback" not in error
