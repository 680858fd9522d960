"""`brushwork inspect`: what a model file holds, also one that cannot be loaded."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what a model file holds",
        description="Say what a model file or folder holds. Nothing in it is executed.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="model file or folder, and files that belong to it")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the facts; 0, or 2 with an explanation where the model cannot be loaded."""
    from ..core.checkpoints import inspect_checkpoint

    found = inspect_checkpoint(*args.files)
    facts = found.to_dict()
    if args.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
    else:
        explanation = facts.pop("explanation")
        for name, value in facts.items():
            if value not in ("", (), {}, []):
                print(f"{name.replace('_', ' '):18} {_text(value)}")
        if explanation:
            print(explanation, file=sys.stderr)
    return 2 if found.explanation else 0


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_short(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _short(value: Any, most: int = 100) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, Mapping | list) else str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
