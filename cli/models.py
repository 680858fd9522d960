"""`brushwork models`: what there is, get it, check it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import BrushworkError
from ..core.hub import (
    ListedModel,
    WeightEntry,
    download_weights,
    list_models,
    load_manifest,
    resolve_model,
)
from ..core.hub.verify import verify_models

MODELS_ENV = "BRUSHWORK_MODELS"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "models",
        help="list, get and verify models",
        description="Bundled models, files in the models folder, and what can be had from the Hugging Face Hub.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | get | verify")
    shown = actions.add_parser("list", help="all models by name")
    shown.add_argument("--json", action="store_true", help="for programs")
    shown.add_argument("--styles", action="store_true", help="the styles of each model too")
    get = actions.add_parser("get", help="download a model and check it")
    get.add_argument(
        "id",
        metavar="ID",
        help="id or title of `models list`, or USER/NAME[/FILE][@REVISION] of a repository on the Hub",
    )
    verify = actions.add_parser("verify", help="hash all bundled and downloaded files again")
    for action in (shown, get, verify):
        action.add_argument(
            "--models-dir",
            type=Path,
            metavar="DIR",
            help=f"models folder (default: {MODELS_ENV}, else the Hub's cache)",
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the subcommand says; 0 done, 2 where `verify` found other bytes."""
    folders = models_folders(args.models_dir)
    actions: dict[str, Callable[[], int]] = {
        "list": lambda: _list(folders, args.json, args.styles),
        "get": lambda: _get(args.id, folders),
        "verify": lambda: _verify(folders),
    }
    return actions[args.action]()


def models_folders(given: Path | None) -> list[Path]:
    """The models folder of `--models-dir`, else of BRUSHWORK_MODELS, else none."""
    named = given or os.environ.get(MODELS_ENV)
    return [Path(named).expanduser()] if named else []


class ProgressBar:
    """A progress function for downloads that draws on stderr; nothing without a download or a terminal.

    Used in a `with` block, it leaves the line to an error message that comes next.
    """

    def __init__(self, label: str, unit: str = "B") -> None:
        self._label, self._unit = label, unit
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Draw; a finished bar makes room for the next download."""
        if self._bar is None:
            from tqdm import tqdm

            look: dict[str, Any] = {"unit": self._unit, "unit_scale": self._unit == "B", "leave": False}
            self._bar = tqdm(desc=self._label, total=total, file=sys.stderr, disable=None, **look)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def progress_bar(label: str, unit: str = "B") -> ProgressBar:
    """A `ProgressFn` for `resolve_model` and its kin; in bytes unless another unit is named."""
    return ProgressBar(label, unit)


def _list(folders: list[Path], as_json: bool, styles: bool) -> int:
    models = list_models(folders, ("style_model", "encoder"))
    if as_json:
        print(json.dumps([_row(model) for model in models], indent=1))
        return 0
    names = [model.entry.id if model.entry else model.name for model in models]
    width = max(map(len, names), default=0)
    for model, name in zip(models, names, strict=True):
        about = f"{model.entry.title} · {_licence(model.entry)}" if model.entry else str(model.path)
        print(f"{model.place:8} {name:{width}}  {about}")
        if styles and model.entry and model.entry.styles:
            print(" " * (width + 11) + ", ".join(model.entry.styles))
    return 0


def _licence(entry: WeightEntry) -> str:
    return "licence unknown" if entry.license == "unknown" else entry.license


def _row(model: ListedModel) -> dict[str, Any]:
    entry = model.entry
    row: dict[str, Any] = {
        "id": entry.id if entry else None,
        "name": model.name,
        "place": model.place,
        "path": str(model.path) if model.path else None,
    }
    if entry:
        row |= {
            "kind": entry.kind,
            "architecture": entry.architecture,
            "styles": list(entry.styles),
            "license": entry.license,
            "attribution": entry.attribution,
            "source_url": entry.source_url,
            "bytes": entry.bytes,
            "sha256": entry.sha256,
            "companions": list(entry.companions),
        }
    return row


def _get(reference: str, folders: list[Path]) -> int:
    manifest = load_manifest()
    entry = manifest.find(reference)
    if entry is None:
        with progress_bar(reference) as progress:  # a local file, a repository, or an error that names what is similar
            print(resolve_model(reference, folders, progress))
        return 0
    folder = folders[0] if folders else None
    for wanted in (entry, *(manifest[companion] for companion in entry.companions)):
        with progress_bar(wanted.id) as progress:
            path = download_weights(wanted, folder, progress)
        print(path)
    return 0


def _verify(folders: list[Path]) -> int:
    wrong = 0
    for checked in verify_models(folders):
        print(f"{checked.verdict:9} {checked.path}")
        if checked.error is not None:
            wrong += 1
            print(_indented(checked.error), file=sys.stderr)
    return 2 if wrong else 0


def _indented(error: BrushworkError) -> str:
    return "\n".join(f"  {line}" for line in str(error).splitlines())
