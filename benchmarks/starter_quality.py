"""Quality of a conditional model on held-out photos: style and content loss per style, mixing, identity.

    python benchmarks/starter_quality.py MODEL --ruler RULER.py --photos DIR --first 20 --paintings DIR

RULER.py is any module with `Ruler().losses(stylized, photo, style) -> (style, content)`; the losses of the pack's own
trainer are not used, so that a model is not judged by what it was trained on alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.exposure import restore_exposure
from brushwork.core.images import resize_image, resize_short_side
from brushwork.core.inference import Stylizer
from brushwork.core.losses.ssim import ssim
from brushwork.core.spec import IDENTITY
from brushwork.trainers.data import read_rgb


def square(path: Path, side: int) -> torch.Tensor:
    """The centre square at side × side."""
    image = read_rgb(path)
    short = min(image.shape[-2:])
    top, left = (image.shape[-2] - short) // 2, (image.shape[-1] - short) // 2
    return resize_image(image[..., top : top + short, left : left + short], side, side)


def rounded(image: torch.Tensor) -> torch.Tensor:
    """As an 8-bit file would hold it."""
    return (image * 255).round() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--ruler", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pattern", default="inb_*.jpg")
    parser.add_argument("--first", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--paintings", type=Path, required=True, help="folder with NAME.jpg for every style NAME")
    parser.add_argument("--mix", nargs=2, metavar="NAME", help="also measure the mix of these two at 0, 1/4, … 1")
    args = parser.parse_args()

    spec = importlib.util.spec_from_file_location("ruler", args.ruler)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ruler = module.Ruler()

    model = load_checkpoint(args.model)
    stylizer = Stylizer(model, device="cpu")
    photos = [square(path, args.size) for path in sorted(args.photos.glob(args.pattern))[: args.first]]

    def painting(name: str) -> torch.Tensor:
        info = model.spec.styles[model.style_index(name)]
        picture = read_rgb(args.paintings / f"{name.removesuffix('--small').removesuffix('--large')}.jpg")
        return resize_short_side(picture, info.style_size_px or 256)

    def measure(style: object, target: torch.Tensor, strength: float = 1.0) -> tuple[float, float]:
        pairs = [ruler.losses(rounded(stylizer(p, style=style, strength=strength)), p, target) for p in photos]
        return tuple(round(sum(pair[i] for pair in pairs) / len(pairs), 4) for i in range(2))

    report: dict = {"photos": len(photos), "styles": {}}
    for name in model.spec.style_names:
        if name != IDENTITY:
            report["styles"][name] = measure(name, painting(name))
            print(name, *report["styles"][name], flush=True)
    values = list(report["styles"].values())
    report["mean"] = [round(sum(v[i] for v in values) / len(values), 4) for i in range(2)]
    if IDENTITY in model.spec.style_names:
        scores = [float(ssim(restore_exposure(model(p, IDENTITY), p).clamp(0, 1), p)) for p in photos]
        report["identity_ssim"] = round(sum(scores) / len(scores), 4)
    if args.mix:
        a, b = args.mix
        steps = [0.0, 0.25, 0.5, 0.75, 1.0]
        mixes = [{a: 1 - t, b: t} for t in steps]
        report["mix"] = {
            "to_" + a: [measure(mix, painting(a))[0] for mix in mixes],
            "to_" + b: [measure(mix, painting(b))[0] for mix in mixes],
        }
        report["strength_to_" + a] = [measure(a, painting(a), s)[0] for s in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)]
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
