"""`brushwork export`: a model for other programs, with a report that it paints the same there."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

EXAMPLES = """examples:
  brushwork export candy.pth -o candy.onnx
  brushwork export cin-starter -o starry.onnx --style starry-night
  brushwork export cin-starter -o styles.onnx                  (second input: a weight for every style)
  brushwork export cin-starter -o both.pt2 --mix starry-night=0.5 the-scream=0.5

In and out: RGB, float32, (batch, 3, height, width), 0..1, any size. Beside OUT lies OUT.parity.json.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "export",
        help="write a model as ONNX, TorchScript or ExportedProgram, checked",
        description="Write a model for programs without Brushwork, run the file, and report how far it is from the\n"
        "model. A file that differs by more than 1/255 is not kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", nargs="+", metavar="MODEL", help="id, file or folder of a model, and further files it needs"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUT", help=".onnx, .ts (TorchScript) or .pt2 (torch.export)"
    )
    parser.add_argument("--style", metavar="STYLE", help="bake in one style: its name, index, or a picture")
    parser.add_argument("--mix", nargs="+", default=[], metavar="STYLE=WEIGHT", help="bake in several at once")
    parser.add_argument(
        "--style-input",
        choices=("auto", "none", "weights", "picture", "features"),
        default="auto",
        help="what the file takes beside the photo. weights: one for every style. picture: a style picture. features: "
        "what OUT.style-encoder, a second file, makes of one. auto: none with --style, --mix or a model of one style, "
        "else weights or picture",
    )
    parser.add_argument(
        "--style-size",
        type=int,
        metavar="PX",
        help="short side of a style picture that is baked in; default: at most 512",
    )
    parser.add_argument(
        "--check-size",
        nargs="+",
        type=_size,
        default=[],
        metavar="[N*]WxH",
        help="compare at these sizes too, such as 1920x1080 or 4*512x512 for a batch",
    )
    parser.add_argument(
        "--no-check", action="store_true", help="do not run the file; OUT.onnx then needs no onnxruntime"
    )
    parser.add_argument("--json", action="store_true", help="print the report for programs")
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="your models folder; default: BRUSHWORK_MODELS")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and print the report; 0 when the file agrees with the model."""
    from .. import __version__
    from ..core.export import DEFAULT_SIZES, export_model
    from ._choice import Chooser
    from .models import models_folders, progress_bar

    with progress_bar("downloading") as download:
        chooser = Chooser(models_folders(args.models_dir), args.style_size, download)
        model, style = chooser.choose(args.model, args.style, args.mix)
    report = export_model(
        model,
        args.out,
        style=style,
        style_input=args.style_input,
        sizes=(*DEFAULT_SIZES, *args.check_size),
        check=not args.no_check,
        version=__version__,
        status=_status if sys.stderr.isatty() else None,
    )
    print(json.dumps(report.to_dict(), indent=1) if args.json else report.to_text())
    return 0


def _status(text: str) -> None:
    print(f"{text} …", file=sys.stderr)


def _size(text: str) -> tuple[int, int, int]:
    """`1920x1080` → (1, 1080, 1920), `4*512x256` → (4, 256, 512)."""
    found = re.fullmatch(r"(?:(\d+)\*)?(\d+)[x×](\d+)", text)
    batch, width, height = (int(part or 1) for part in found.groups()) if found else (0, 0, 0)
    if not min(batch, width, height):
        raise argparse.ArgumentTypeError(f"`{text}` is no size such as 1920x1080 or 4*512x512")
    return batch, height, width
