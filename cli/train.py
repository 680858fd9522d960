"""`brushwork train`: new styles from paintings and a folder of photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._training import add_run_options, find_encoders, read_credits, run_options, run_task

if TYPE_CHECKING:
    from ..trainers.args import TrainArgs
    from ..trainers.loop import Callback
    from ..trainers.shard import Shard
    from ..trainers.task import StyleTask

SHEET_PHOTOS = 4
"""On the contact sheet, where no preview photos are given."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a style network",
        description="vanilla, in: one painting. cin: several in one file. comatch, adain: any picture as style.",
    )
    parser.add_argument("method", choices=("vanilla", "in", "cin", "comatch", "adain"))
    parser.add_argument(
        "--style",
        nargs="+",
        type=Path,
        required=True,
        metavar="PICTURE",
        help="the painting(s); for comatch and adain many: files and folders",
    )
    add_run_options(parser, size_px=256, batch=4)
    add_style_options(parser)
    parser.add_argument(
        "--widths", type=int, nargs=3, default=(16, 48, 96), metavar="N", help="channels of the stages (16 48 96)"
    )
    parser.add_argument("--blocks", type=int, default=5, help="residual blocks (5)")
    parser.add_argument("--upsampling", choices=("nearest", "bilinear", "transposed"), default="nearest")
    parser.add_argument(
        "--stroke-sizes",
        type=int,
        nargs="+",
        default=[],
        metavar="PX",
        help="cin: learn every painting at these short sides, as NAME--small and NAME--large",
    )
    parser.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from the weights of this id or file: the same network or a narrower one; in, vanilla and cin from "
        "one another; adain from a cin model",
    )
    parser.add_argument("--transfer-encoder", metavar="FILE", help="adain, comatch: whose statistics are matched")
    parser.add_argument(
        "--decoder",
        choices=("modulated", "mirrored"),
        default="modulated",
        help="adain: steered by the style at all scales, or the paper's mirror of the encoder (modulated)",
    )
    parser.add_argument(
        "--leave-out-encoder",
        action="store_true",
        help="adain, comatch: write the decoder alone; the encoder is its companion",
    )
    parser.add_argument("--license", default="unknown", metavar="SPDX", help="licence of the trained weights")
    parser.set_defaults(run=run)


def add_style_options(parser: argparse.ArgumentParser) -> None:
    """Options about losses and paintings, which `add-style` has too."""
    parser.add_argument(
        "--encoder",
        nargs="+",
        default=["compact"],
        metavar="NAME|FILE",
        help="loss network: compact (bundled), vgg16, vgg19 (downloaded) or VGG files; a layer comes from the "
        "first that has it (compact)",
    )
    parser.add_argument(
        "--style-size",
        type=int,
        default=256,
        metavar="PX",
        help="short side of the paintings: larger gives larger strokes (256)",
    )
    parser.add_argument(
        "--content-target",
        type=float,
        default=0.7,
        metavar="LOSS",
        help="content loss to hold: lower keeps more of the photo, means the same for every painting (0.7)",
    )
    parser.add_argument("--statistic", choices=("gram", "mean-std", "covariance", "mrf"), default="gram")
    parser.add_argument(
        "--style-layers",
        nargs="+",
        default=[],
        metavar="LAYER=WEIGHT",
        help="layers of the style loss and their weights (relu1_1=1 relu2_1=1 relu3_1=1 relu4_1=1 relu5_1=1)",
    )
    parser.add_argument("--content", choices=("perceptual", "pixel"), default="perceptual")
    parser.add_argument("--tv-weight", type=float, default=0.0, help="total variation (0)")
    parser.add_argument("--grid-weight", type=float, default=0.0, help="against patterns every 2 or 4 px (0)")
    parser.add_argument(
        "--photo-zoom",
        type=float,
        help="largest short side, in crops, of the photos that crops are cut from (1.5; adain and comatch 2)",
    )
    parser.add_argument(
        "--border-weight", type=float, default=0.0, help="of the style loss within 16 px of the edge alone (0)"
    )
    parser.add_argument(
        "--preview", type=Path, nargs="+", default=[], metavar="PHOTO", help="photos for OUT.preview.png, every minute"
    )
    parser.add_argument(
        "--credits", type=Path, metavar="FILE.json", help="who painted what: {file stem: {title, attribution, license}}"
    )


def style_options(args: argparse.Namespace, shard: Shard) -> dict[str, Any]:
    """Fields of TrainArgs that `add-style` has too."""
    from ..trainers.layer_weights import parse_layer_weights

    layers = parse_layer_weights(args.style_layers)
    return {
        **run_options(args, shard),
        **({"style_layers": layers} if layers else {}),
        "styles": tuple(args.style),
        "encoder": find_encoders(args.encoder),
        "style_size_px": args.style_size,
        "content_target": args.content_target,
        "statistic": args.statistic,
        "content": args.content,
        "tv_weight": args.tv_weight,
        "grid_weight": args.grid_weight,
        "photo_zoom": args.photo_zoom,
        "border_weight": args.border_weight,
        "credits": read_credits(args.credits),
    }


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done."""
    from ..trainers.methods import make_task
    from ..trainers.shard import joined

    with joined() as shard:
        options = _options(args, shard)
        task = make_task(options)
        run_task(task, options, resume=args.resume, callbacks=pictures(task, options, args.preview))
    return 0


def pictures(task: StyleTask, options: TrainArgs, preview: Sequence[Path], last: int | None = None) -> list[Callback]:
    """The preview strip, if photos for it are given, and the contact sheet; of `last` styles only."""
    from ..trainers.args import ANY_STYLE
    from ..trainers.report import ContactSheet, PreviewStrip
    from ..trainers.session import readable_pictures

    if options.shard.rank > 0:
        return []
    photos = list(preview) or readable_pictures(options.photos, SHEET_PHOTOS)
    drawn: list[Callback] = [ContactSheet(task, options.out.with_suffix(".sheet.jpg"), photos, options.styles, last)]
    if preview:
        paintings = options.styles if options.method in ANY_STYLE else ()
        drawn.append(PreviewStrip(task, options.out.with_suffix(".preview.png"), preview, options.size_px, paintings))
    return drawn


def _options(args: argparse.Namespace, shard: Shard) -> TrainArgs:
    from ..core.hub import resolve_model
    from ..trainers.args import TrainArgs

    return TrainArgs(
        **style_options(args, shard),
        method=args.method,
        widths=tuple(args.widths),
        blocks=args.blocks,
        upsampling=args.upsampling,
        start_from=resolve_model(args.start_from) if args.start_from else None,
        transfer_encoder=find_encoders([args.transfer_encoder])[0] if args.transfer_encoder else None,
        stroke_sizes_px=tuple(args.stroke_sizes),
        decoder=args.decoder,
        leave_out_encoder=args.leave_out_encoder,
        model_license=args.license,
    )
