"""`brushwork convert`: any supported model file → one self-describing .safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "convert",
        help="write any supported model file as .safetensors",
        description="Write any supported model file or folder as one .safetensors that says what it is.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="model file or folder, and files that belong to it")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.safetensors")
    parser.add_argument(
        "--dtype", choices=("float16", "float32"), default="float16", help="of the weights; default %(default)s"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert; 0 when done."""
    import torch

    from ..core.checkpoints import convert_checkpoint
    from ..core.errors import ConfigError

    if args.out.suffix.lower() != ".safetensors":
        raise ConfigError(
            "The target has another suffix.", expected="OUT.safetensors", got=str(args.out), do="Rename it."
        )
    print(convert_checkpoint(*args.files, out=args.out, dtype=getattr(torch, args.dtype)))
    return 0
