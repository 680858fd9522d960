"""Does the stroke-size control do what it says? Stroke scale and content SSIM over its range.

    python benchmarks/stroke_scale.py MODEL --photos DIR [--pattern 'inb_*.jpg'] [--first 8] [--size 384] [--style NAME]

The scale of the strokes is the inverse of the spectral centroid of the luminance detail: luminance less its Gaussian
blur, under a Hann window, mean frequency weighted by power, in pixels a period. Reported is the median over photos.
Any-style models take a picture as `--style`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.color import luminance
from brushwork.core.images import resize_short_side
from brushwork.core.inference import Controls, Stylizer
from brushwork.core.inference.bands import gaussian_blur
from brushwork.core.losses.ssim import ssim
from brushwork.core.pictures import read_picture

SIZES = (0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
DETAIL_SIGMA_PX = 32.0
"""What varies more slowly is tone, not stroke: twice the width of the widest strokes at size 4."""


def stroke_scale_px(image: torch.Tensor) -> float:
    """Pixels a period of the luminance detail of (1, 3, H, W)."""
    light = luminance(image.double())
    detail = (light - gaussian_blur(light, DETAIL_SIGMA_PX))[0, 0]
    height, width = detail.shape
    window = torch.hann_window(height, dtype=torch.float64)[:, None] * torch.hann_window(width, dtype=torch.float64)
    power = torch.fft.fft2(detail * window).abs().square()
    down, across = (torch.fft.fftfreq(n, dtype=torch.float64) for n in (height, width))
    frequency = torch.hypot(down[:, None], across[None])
    return float(power.sum() / (power * frequency).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="+", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pattern", default="inb_*.jpg")
    parser.add_argument("--first", type=int, default=8)
    parser.add_argument("--size", type=int, default=384, help="short side in pixels")
    parser.add_argument("--style", help="name, or a picture for any-style models; default: the first")
    args = parser.parse_args()

    model = load_checkpoint(*args.model)
    style = args.style
    if model.style_kind == "image":
        style = resize_short_side(read_picture(args.style).image[:, :3], 512)
    stylizer = Stylizer(model, device="cpu")
    paths = sorted(args.photos.glob(args.pattern))[: args.first]
    photos = [resize_short_side(read_picture(path).image[:, :3], args.size) for path in paths]
    report = {}
    for size in SIZES:
        paintings = [stylizer(photo, style, controls=Controls(stroke_size=size)) for photo in photos]
        scales = torch.tensor([stroke_scale_px(painting) for painting in paintings])
        likeness = torch.tensor(
            [float(ssim(painting, photo)) for painting, photo in zip(paintings, photos, strict=True)]
        )
        report[size] = {"scale_px": round(float(scales.median()), 2), "ssim": round(float(likeness.mean()), 3)}
        print(size, report[size], flush=True)
    scales = [row["scale_px"] for row in report.values()]
    near = [report[size]["ssim"] - report[1.0]["ssim"] for size in SIZES if 0.5 <= size <= 2]
    summary = {
        "photos": len(photos),
        "monotone": scales == sorted(scales),
        "range": round(scales[-1] / scales[0], 2),
        "largest change of SSIM, 0.5 to 2": round(max(map(abs, near)), 3),
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
