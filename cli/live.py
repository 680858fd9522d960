"""`brushwork live`: a camera, painted while it runs, shown in a browser on this machine."""

from __future__ import annotations

import argparse
import contextlib
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ._film import add_film_options, film_painter, positive, shrunk

if TYPE_CHECKING:
    from ..core.videos import VideoFile
    from ..core.videos.record import Recorder

TINY = "tiny-starry-night"
"""The fastest model on board, painted with where none is named."""

EXAMPLES = """examples:
  brushwork live 0                          the first camera; open the address that is printed
  brushwork live 0 --style great-wave --size 320
  brushwork live rtsp://camera/stream --port 8080
  brushwork live 0 -o evening.mp4           keep it as a film too, until Ctrl-C
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "live",
        help="paint a camera while it runs",
        description="Paint a camera, file or stream while it runs, and show it at an address of this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="number or name of a camera, file, or address of a stream")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="OUT", help="also write a film: .mp4, .mov, .mkv, .webm or .avi"
    )
    parser.add_argument("--port", type=int, default=8008, help="on 127.0.0.1, 0: any; default %(default)s")
    parser.add_argument("--frames", type=positive, metavar="N", help="stop after N frames; default: Ctrl-C")
    parser.add_argument(
        "--format", help="FFmpeg's name of the input: v4l2, avfoundation, dshow; default: by the system"
    )
    add_film_options(parser, blend=0.0, smooth=0.8)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Paint until the source ends; 0 when done."""
    from tqdm import tqdm

    from ..core.videos import VideoFile
    from ..core.videos.live import newest_frames
    from ._mjpeg import MjpegServer

    if not (args.model or args.style or args.mix):
        args.model = [TINY]
    source, device = camera(args.source, args.format, sys.platform)
    painter = film_painter(args)
    with (
        VideoFile(source, device) as video,
        _recorder(args.out, video) as recorder,
        _server(args.port, MjpegServer) as server,
    ):
        print(server.address, flush=True)
        frames = newest_frames(video) if not Path(source).is_file() else iter(video)
        first: int | None = None
        with tqdm(unit="frame", file=sys.stderr, disable=None) as bar:
            for index, frame in enumerate(islice(frames, args.frames)):
                painted = painter(shrunk(frame.image.float() / 255, args.size), index)
                server.show(painted)
                first = frame.pts if first is None else first
                if recorder is not None:
                    recorder.add(painted, float((frame.pts - first) * video.time_base))
                bar.update()
    if args.out is not None:
        print(args.out)
    return 0


def _recorder(out: Path | None, video: VideoFile) -> contextlib.AbstractContextManager[Recorder | None]:
    from ..core.videos import Encoding
    from ..core.videos.record import Recorder

    return contextlib.nullcontext() if out is None else Recorder(out, Encoding(out.suffix), video.rate)


def camera(source: str, device: str | None, platform: str) -> tuple[str, str | None]:
    """What FFmpeg calls a source on a system: the name to open and the input format, None for files and streams."""
    if device is not None:
        return source, device
    if source.isdecimal():
        if platform == "darwin":
            return source, "avfoundation"
        return (source, "dshow") if platform == "win32" else (f"/dev/video{source}", "v4l2")
    if source.startswith("/dev/video"):
        return source, "v4l2"
    return source, "dshow" if source.startswith("video=") else None


def _server(port: int, kind: type):  # noqa: ANN202 - a MjpegServer
    from ..core.errors import ConfigError

    try:
        return kind(port)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Port {port} cannot be opened.",
            expected="a free port, 0 to 65535",
            got=str(error),
            do="Give another --port.",
        ) from error
