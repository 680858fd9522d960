"""`brushwork`: one command, a module for each subcommand, and what its exit code means."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

DONE, OUR_FAULT, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "stylize": "repaint photos in a style",
    "grid": "styles × strengths of a photo in one labelled picture",
    "video": "repaint a film, without flicker",
    "live": "paint a camera while it runs",
    "demo": "contact sheet of all bundled styles, offline",
    "models": "list, get and verify models",
    "train": "train a style network",
    "add-style": "add a painting to a CIN model",
    "distill": "train a compact loss network from larger ones",
    "inspect": "say what a model file holds",
    "convert": "write any supported model file as .safetensors",
    "publish": "put a style on the Hugging Face Hub, with a card",
    "measure": "style, content and artefacts of paintings, in numbers",
    "reconstruct": "what a layer keeps of a picture, by optimisation",
    "export": "write a model as ONNX, TorchScript or ExportedProgram, checked",
}
"""Name → help. The module is named like the command, `-` as `_`; it is imported only when it is asked for, so
that `brushwork --help` does not wait for torch."""


class Parser(argparse.ArgumentParser):
    """argparse with our kind of message."""

    def error(self, message: str) -> NoReturn:
        """Explain and leave with exit code 2."""
        usage = " ".join(self.format_usage().removeprefix("usage:").split())
        print(f"{self.prog}: {message}", file=sys.stderr)
        print(f"  expected: {usage}\n  do: Run `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(WRONG_USE)


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser with the options of one subcommand, and the names of all others.

    Args:
        command: Name in `COMMANDS`, or anything else for the names alone.
    """
    from .. import __version__

    parser = Parser(prog="brushwork", description="Real-time neural style transfer.")
    parser.add_argument("--version", action="version", version=f"brushwork {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, text in COMMANDS.items():
        if name == command:
            importlib.import_module(f".{name.replace('-', '_')}", __package__).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None: those of the process.

    Returns:
        0 done; 2 wrong use or bad input, explained on stderr; 1 a fault of ours, with a traceback;
        130 interrupted: finished files stay, no partial one is left.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command = next((word for word in arguments if not word.startswith("-")), None)
        args = build_parser(command).parse_args(arguments)
        return _run(args)
    except SystemExit as stop:  # argparse, after --help or an error
        return stop.code if isinstance(stop.code, int) else DONE
    except KeyboardInterrupt:
        print("\nInterrupted. Finished files are kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `brushwork models list | head`
        _silence_stdout()
        return DONE
    except Exception:  # noqa: BLE001 - the outermost frame: everything that is left is our fault
        traceback.print_exc()
        print(
            "\nThis is a fault of Brushwork, not yours. Please report it with the lines above, the command, and what "
            "`brushwork --version` says.",
            file=sys.stderr,
        )
        return OUR_FAULT


def _run(args: argparse.Namespace) -> int:
    from ..core.errors import BrushworkError

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # file names that a Windows console cannot show
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except BrushworkError as error:
        print(error, file=sys.stderr)
        return WRONG_USE


def _silence_stdout() -> None:
    """Nobody reads any more: let the interpreter's last flush go nowhere instead of failing."""
    with contextlib.suppress(OSError, ValueError):  # no real file behind it, as in tests
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
