"""Everything that a starter model must hold to, on photos it never saw.

    python benchmarks/starter_bars.py MODEL [COMPANION …] --ruler RULER.py --photos DIR --paintings DIR \\
        [--first 50] [--styles NAME …] [--against MODEL COMPANION …] [--only losses strength …]

RULER.py is any module with `gram(features)` and a class `Ruler` whose `features(picture)` gives five layers, the fourth
of which is the content's; the losses of the pack's own trainer are not used, so that a model is not judged by what it
was trained on alone. Definitions are in the docstrings below.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import torch
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.exposure import restore_exposure
from brushwork.core.hub import resolve_files
from brushwork.core.images import resize_image, resize_short_side
from brushwork.core.inference import Stylizer
from brushwork.core.losses.ssim import ssim
from brushwork.core.spec import IDENTITY
from brushwork.core.style_model import StyleModel
from brushwork.trainers.data import read_rgb
from torch import Tensor

CONTENT = 3
"""Place of the content layer among the ruler's features."""
STRENGTHS = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0)
FEW = 12
"""Photos for the measurements that need many pictures of each."""
AROUND = 32
"""Pixels that are cut off to see a border where there is none: as many as the models' margins."""
CHECKS = ("losses", "strength", "identity", "checkerboard", "border")


def load_module(path: Path) -> ModuleType:
    """A Python file as a module."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def square(path: Path, side: int) -> Tensor:
    """The centre square at side × side, (1, 3, side, side)."""
    image = read_rgb(path)
    short = min(image.shape[-2:])
    top, left = (image.shape[-2] - short) // 2, (image.shape[-1] - short) // 2
    return resize_image(image[..., top : top + short, left : left + short], side, side)


class Judge:
    """The ruler's two losses, with what the photos and paintings contribute computed once."""

    def __init__(self, module: ModuleType, photos: list[Tensor]) -> None:
        self.ruler, self.gram, self.photos = module.Ruler(), module.gram, photos
        self.known: dict[int, tuple[list[Tensor], Tensor]] = {}

    @torch.inference_mode()
    def describe(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gram matrices of all layers, and the content features."""
        features = self.ruler.features(picture)
        return [self.gram(f) for f in features], features[CONTENT]

    def photo(self, index: int) -> tuple[list[Tensor], Tensor]:
        """`describe` of a photo, from memory."""
        if index not in self.known:
            self.known[index] = self.describe(self.photos[index])
        return self.known[index]

    def losses(self, painted: Tensor, index: int, style: list[Tensor]) -> tuple[float, float]:
        """Style: distance to the painting over that of the photo, mean over layers. Content: error over variance."""
        grams, content = self.describe((painted * 255).round() / 255)
        own, wanted = self.photo(index)

        def distance(a: Tensor, b: Tensor) -> Tensor:
            return (a - b).square().mean((1, 2))

        ratios = [
            float((distance(o, s) / distance(p, s).clamp_min(1e-12)).mean())
            for o, p, s in zip(grams, own, style, strict=True)
        ]
        return sum(ratios) / len(ratios), float((content - wanted).square().mean() / wanted.var())


def at_period(picture: Tensor, period: int) -> float:
    """Spectral power at a period of `period` px over the mean of the bins 2 to 5 beside it, both axes, Hann window."""
    side = picture.shape[-1]
    window = torch.hann_window(side)
    ratios = []
    for image in (picture, picture.transpose(2, 3)):
        lines = image - image.mean(3, keepdim=True)
        power = torch.fft.rfft(lines * window).abs().square().mean((0, 1, 2))
        place = side // period
        beside = [place + d for d in (-5, -4, -3, -2, 2, 3, 4, 5) if place + d < len(power)]
        ratios.append(float(power[place] / power[beside].mean()))
    return sum(ratios) / 2


def band_losses(judge: Judge, painted: Tensor, style: list[Tensor]) -> list[tuple[float, float]]:
    """Gram loss of the positions within 16 px of the edge, and of those 32 to 48 px inside; first two layers."""
    features = judge.ruler.features(painted)
    found = []
    for layer, pixels in ((0, 1), (1, 2)):
        f = features[layer]
        height, width = f.shape[-2:]
        rows = torch.minimum(torch.arange(height), height - 1 - torch.arange(height))
        columns = torch.minimum(torch.arange(width), width - 1 - torch.arange(width))
        depth = torch.minimum(rows[:, None], columns[None]) * pixels
        pair = []
        for near, far in ((0, 16), (32, 48)):
            inside = f[:, :, (depth >= near) & (depth < far)][..., None]
            pair.append(float((judge.gram(inside) - style[layer]).square().mean()))
        found.append((pair[0], pair[1]))
    return found


class Model:
    """A model file and its styles: its own, or paintings."""

    def __init__(self, references: list[str], paintings: Path, names: list[str]) -> None:
        first, *companions = references
        files = [*resolve_files(first), *(path for name in companions for path in resolve_files(name))]
        self.model: StyleModel = load_checkpoint(*files)
        self.stylizer = Stylizer(self.model, device="cpu")
        self.any_style = self.model.style_kind == "image"
        own = [name for name in self.model.spec.style_names if name != IDENTITY]
        self.names = names if self.any_style else [name for name in own if not names or name in names]
        self.paintings = {name: self._painting(paintings, name) for name in self.names}

    def _painting(self, folder: Path, name: str) -> Tensor:
        size = None
        if not self.any_style:
            size = self.model.spec.styles[self.model.style_index(name)].style_size_px
        return resize_short_side(read_rgb(folder / f"{name.partition('--')[0]}.jpg"), size or 256)

    def __call__(self, photo: Tensor, name: str, strength: float = 1.0) -> Tensor:
        return self.stylizer(photo, style=self.paintings[name] if self.any_style else name, strength=strength)


def mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


def losses(model: Model, judge: Judge) -> dict:
    """Style and content loss of every style, and their means."""
    rows = {}
    for name in model.names:
        style, _ = judge.describe(model.paintings[name])
        pairs = [judge.losses(model(photo, name), i, style) for i, photo in enumerate(judge.photos)]
        rows[name] = [mean([pair[k] for pair in pairs]) for k in (0, 1)]
        print(name, *rows[name], flush=True)
    return {"styles": rows, "mean": [mean([row[k] for row in rows.values()]) for k in (0, 1)]}


def strength(model: Model, judge: Judge) -> dict:
    """Style loss from strength 0 to 1, and the distance to the photo at each as a share of that at 1."""
    name = model.names[0]
    style, _ = judge.describe(model.paintings[name])
    curve, distances = [], []
    for value in STRENGTHS:
        painted = [model(photo, name, value) for photo in judge.photos[:FEW]]
        curve.append(mean([judge.losses(picture, i, style)[0] for i, picture in enumerate(painted)]))
        pairs = zip(painted, judge.photos, strict=False)
        distances.append(mean([float((picture - photo).square().mean().sqrt()) for picture, photo in pairs]))
    monotone = all(a >= b for a, b in pairwise(curve))
    shares = [round(distance / distances[-1], 3) for distance in distances]
    return {"style": name, "at": STRENGTHS, "losses": curve, "monotone": monotone, "distance": shares}


def identity(model: Model, judge: Judge) -> dict:
    """Mean SSIM of what the network makes of a photo at strength 0, exposure restored, before any pixel is blended."""
    scores = []
    for photo in judge.photos:
        if model.any_style:
            painted = model.model(photo, photo)
        elif IDENTITY in model.model.spec.style_names:
            painted = model.model(photo, IDENTITY)
        else:
            return {"ssim": None}
        scores.append(float(ssim(restore_exposure(painted, photo).clamp(0, 1), photo)))
    return {"ssim": mean(scores)}


def checkerboard(model: Model, judge: Judge) -> dict:
    """Spectral power at periods 2 and 4 px beside its neighbours: of every style the mean over photos, the largest."""
    rows = {}
    for name in model.names:
        painted = [model(photo, name) for photo in judge.photos[:FEW]]
        rows[name] = [mean([at_period(picture, period) for picture in painted]) for period in (2, 4)]
    photos = [mean([at_period(photo, period) for photo in judge.photos[:FEW]]) for period in (2, 4)]
    return {"styles": rows, "largest": [max(row[k] for row in rows.values()) for k in (0, 1)], "photos": photos}


def edge(judge: Judge, pictures: list[Tensor], style: list[Tensor]) -> list[float]:
    """Gram loss near the edge over that inside, at the ruler's first two layers, of the means over pictures."""
    bands = [band_losses(judge, picture, style) for picture in pictures]
    return [round(sum(band[k][0] for band in bands) / sum(band[k][1] for band in bands), 3) for k in (0, 1)]


def border(model: Model, judge: Judge, wide: list[Tensor]) -> dict:
    """`edge` of the photos' paintings; and of wider photos' inner parts, painted alone and cut out of the painting.

    What is in a photo and the ruler's own borders change the Gram loss near the edge too. Where the photo really goes
    on there is no border to be seen: how far `alone` lies from `cut out` is what the border does.

    Args:
        model: What paints.
        judge: With the photos.
        wide: The same scenes, larger by AROUND on all sides.
    """
    rows: dict[str, dict[str, list[float]]] = {}

    def inner(picture: Tensor) -> Tensor:
        return picture[..., AROUND:-AROUND, AROUND:-AROUND]

    for name in model.names:
        style, _ = judge.describe(model.paintings[name])
        pictures = {
            "whole": [model(photo, name) for photo in judge.photos],
            "alone": [model(inner(photo), name) for photo in wide],
            "cut out": [inner(model(photo, name)) for photo in wide],
        }
        rows[name] = {kind: edge(judge, painted, style) for kind, painted in pictures.items()}
        print(name, rows[name], flush=True)
    kinds = rows[model.names[0]]
    means = {kind: [mean([row[kind][k] for row in rows.values()]) for k in (0, 1)] for kind in kinds}
    return {"styles": rows, "mean": means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="+", help="id or file, and companions")
    parser.add_argument("--ruler", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pattern", default="inb_*.jpg")
    parser.add_argument("--first", type=int, default=50)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--paintings", type=Path, required=True, help="folder with NAME.jpg for every style NAME")
    parser.add_argument(
        "--styles", nargs="+", default=[], help="some of the model's, or paintings for any-style models"
    )
    parser.add_argument("--against", nargs="+", help="another model and its companions: losses side by side")
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    args = parser.parse_args()

    module = load_module(args.ruler)
    paths = sorted(args.photos.glob(args.pattern))[: args.first]
    photos = [square(path, args.size) for path in paths]
    judge = Judge(module, photos)
    model = Model(args.model, args.paintings, args.styles)
    if not model.names:
        parser.error("give --styles: this model paints in the style of a picture")
    report: dict = {"model": args.model, "photos": len(photos)}
    checks = {
        "losses": losses,
        "strength": strength,
        "identity": identity,
        "checkerboard": checkerboard,
        "border": lambda *which: border(*which, [square(path, args.size + 2 * AROUND) for path in paths]),
    }
    with torch.inference_mode():
        for name in args.only:
            report[name] = checks[name](model, judge)
            print(name, json.dumps(report[name]), flush=True)
        if args.against:
            other = losses(Model(args.against, args.paintings, args.styles), judge)
            own = report.get("losses") or losses(model, judge)
            ratio = [round(a / b, 3) for a, b in zip(own["mean"], other["mean"], strict=True)]
            report["against"] = {"model": args.against, **other, "ratio": ratio}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
