"""Training against pytorch/examples' trainer on the same machine, as JSON: same photos, batch, width and loss.

    python benchmarks/train_speed.py --reference DIR --photos DIR --held-out DIR --encoder FILE... --style PICTURE

DIR is the reference's neural_style folder. Its own `train` runs, in a process of its own, with two things replaced:
the pretrained VGG16 by the given encoder (both sides must see the same features) and Adam by one that looks at the
clock. Its loss weights are balanced once, from the photos: content by the variance of their features, style by their
distance to the painting. Ours trains with the same loss. What counts is that loss on held-out photos, in float32: what
the reference reaches in 20 minutes, ours must reach in 5.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
import types
from collections import namedtuple
from pathlib import Path

import torch
from brushwork.cli._memory import keep_freed_memory
from brushwork.core.checkpoints import load_checkpoint
from brushwork.core.checkpoints.encoder import load_encoder
from brushwork.core.images import resize_short_side
from brushwork.core.inference.device import bf16_is_fast
from brushwork.core.losses import gram_matrix
from brushwork.core.losses.encoders import EncoderStack
from brushwork.trainers.args import TrainArgs
from brushwork.trainers.data import read_rgb
from brushwork.trainers.instance import InstanceTask
from brushwork.trainers.loop import run
from torch import Tensor

LAYERS = ("relu1_2", "relu2_2", "relu3_1", "relu4_1")
"""In place of VGG16's relu1_2, 2_2, 3_3, 4_3: what the teachers at hand have."""
CONTENT = "relu2_2"
"""As in the reference."""
STYLE_SHARE = 10.0
"""Style over content at the start, when the output is a photo."""
Outputs = namedtuple("Outputs", ("relu1_2", "relu2_2", "relu3_3", "relu4_3"))


class Loss:
    """cw · mse(content) + sw · Σ mse(Gram), the reference's, with weights from a sample of photos."""

    def __init__(self, encoder: EncoderStack, style: Tensor, photos: Tensor) -> None:
        self.encoder = encoder
        with torch.no_grad():
            self.grams = {k: gram_matrix(f) for k, f in encoder.features(style, LAYERS).items()}
            sample = encoder.features(photos, LAYERS)
        distance = sum(float((gram_matrix(f) - self.grams[k]).square().mean()) for k, f in sample.items())
        self.content_weight = 1 / float(sample[CONTENT].float().var())
        self.style_weight = STYLE_SHARE / distance

    def __call__(self, stylized: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Style and content part, scalars."""
        own = self.encoder.features(stylized, LAYERS)
        with torch.no_grad():
            goal = self.encoder.features(photos, (CONTENT,))[CONTENT].float()
        content = self.content_weight * (own[CONTENT].float() - goal).square().mean()
        style = sum((gram_matrix(f) - self.grams[k]).square().mean() for k, f in own.items())
        return self.style_weight * style, content


def processor_seconds() -> float:
    """Processor time of this process, shared out over its threads: what else the machine does is not counted."""
    return time.process_time() / torch.get_num_threads()


CLOCKS = {"wall": time.monotonic, "cpu": processor_seconds}


def states_of(args: argparse.Namespace) -> Path:
    return args.reference_states / args.style.stem


def encoder_of(args: argparse.Namespace, dtype: torch.dtype = torch.float32) -> EncoderStack:
    return EncoderStack([load_encoder(path) for path in args.encoder], dtype)


def square(path: Path, side: int) -> Tensor:
    image = resize_short_side(read_rgb(path), side)
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    return image[..., top : top + side, left : left + side]


def loss_of(args: argparse.Namespace, dtype: torch.dtype = torch.float32) -> Loss:
    photos = torch.cat([square(path, 256) for path in sorted(args.photos.glob("*.jpg"))[:16]])
    return Loss(encoder_of(args, dtype), resize_short_side(read_rgb(args.style), 256), photos)


def train_reference(args: argparse.Namespace) -> None:
    """Worker: the reference's own loop until the time is over; states are saved on the way."""
    clock = CLOCKS[args.clock]
    loss = loss_of(args)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)

    class Teacher(torch.nn.Module):
        def __init__(self, requires_grad: bool = False) -> None:
            super().__init__()

        def forward(self, normalized: Tensor) -> Outputs:
            found = loss.encoder.features(normalized * std + mean, LAYERS)
            return Outputs(*(found[name] for name in LAYERS))

    sys.modules["vgg"] = types.ModuleType("vgg")
    sys.modules["vgg"].Vgg16 = Teacher  # type: ignore[attr-defined]
    sys.path.insert(0, str(args.reference))
    sys.argv = ["neural_style.py"]
    module = importlib.import_module("neural_style")
    nets: list[torch.nn.Module] = []
    original = module.TransformerNet

    def remember() -> torch.nn.Module:
        nets.append(original())
        return nets[-1]

    class TimedAdam(torch.optim.Adam):
        began = None
        steps = 0
        next_mark = 0.0

        def zero_grad(self, *a, **k):
            TimedAdam.began = TimedAdam.began or clock()
            super().zero_grad(*a, **k)

        def step(self, closure=None):
            super().step(closure)
            TimedAdam.steps += 1
            minutes = (clock() - TimedAdam.began) / 60
            if minutes >= TimedAdam.next_mark:
                torch.save(nets[-1].state_dict(), states_of(args) / f"reference-{round(minutes, 1)}.pth")
                print(f"reference {minutes:.1f} min, {TimedAdam.steps} steps", file=sys.stderr, flush=True)
                TimedAdam.next_mark = min(args.reference_minutes, TimedAdam.next_mark + args.mark)
                if minutes >= args.reference_minutes:
                    raise KeyboardInterrupt

    module.TransformerNet, module.Adam = remember, TimedAdam
    options = argparse.Namespace(
        accel=False, seed=42, image_size=256, dataset=str(args.work / "dataset"), batch_size=4, lr=1e-3,
        style_image=str(args.work / "style.png"), style_size=None, content_weight=loss.content_weight,
        style_weight=loss.style_weight, epochs=1000, log_interval=10**9, checkpoint_model_dir=None,
    )  # fmt: skip
    try:
        module.train(options)
    except KeyboardInterrupt:
        return


class SameLossTask(InstanceTask):
    """Our trainer with the reference's loss instead of its own balance."""

    def __init__(self, args: TrainArgs, same: Loss) -> None:
        super().__init__(args)
        self.same = same

    def painted(self, stylized: Tensor, photos: Tensor, index: Tensor, step: int) -> tuple[Tensor, float, float]:
        style, content = self.same(stylized, photos)
        return (style + content) * len(photos), float(style.detach()), float(content.detach())


def train_ours(args: argparse.Namespace) -> Path:
    """Full width, batch 4, 256 px, as the reference; memory and precision as in our command."""
    keep_freed_memory()
    out, bf16 = args.work / "ours.safetensors", bf16_is_fast(torch.device("cpu"))
    options = TrainArgs(
        method="in", styles=(args.style,), photos=args.photos, out=out, encoder=tuple(args.encoder),
        minutes=args.our_minutes, widths=(32, 64, 128), size_px=256, batch=4, learning_rate=args.learning_rate,
        style_layers=tuple((name, 1.0) for name in LAYERS), content_layers=(CONTENT,),
        bf16=bf16,
    )  # fmt: skip
    task = SameLossTask(options, loss_of(args, torch.bfloat16 if bf16 else torch.float32))
    steps = []
    run(task, options, callbacks=(lambda progress: steps.append(progress.step),), clock=CLOCKS[args.clock])
    print(f"ours {args.our_minutes:.1f} min, {steps[-1]} steps", file=sys.stderr, flush=True)
    return out


@torch.inference_mode()
def held_out_loss(args: argparse.Namespace, loss: Loss, net, scale: float) -> dict[str, float]:
    """Mean over the held-out photos; `net` takes and gives pictures in 0..scale."""
    parts = torch.zeros(2)
    paths = sorted(args.held_out.glob(args.pattern))[: args.count]
    for path in paths:
        photo = square(path, 256)
        style, content = loss((net(photo * scale) / scale).clamp(0, 1), photo)
        parts += torch.stack([style, content]) / len(paths)
    return {
        "style": round(float(parts[0]), 4),
        "content": round(float(parts[1]), 4),
        "total": round(float(parts.sum()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--pattern", default="inb_*.jpg")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--encoder", type=Path, nargs="+", required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--reference-minutes", type=float, default=20)
    parser.add_argument("--our-minutes", type=float, default=5)
    parser.add_argument("--mark", type=float, default=5, help="minutes between saved states of the reference")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="of both; cpu on a shared machine")
    parser.add_argument("--reference-states", type=Path, help="keep the reference's states here, use those found")
    parser.add_argument("--only", choices=("reference",), help="train the reference only, for --reference-states")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        return train_reference(args)

    with tempfile.TemporaryDirectory() as folder:
        args.work = Path(folder)
        args.reference_states = args.reference_states or args.work
        states_of(args).mkdir(parents=True, exist_ok=True)
        (args.work / "dataset").mkdir()
        (args.work / "dataset" / "photos").symlink_to(args.photos.resolve(), target_is_directory=True)
        from PIL import Image

        style = resize_short_side(read_rgb(args.style), 256)[0].permute(1, 2, 0)
        Image.fromarray((style * 255).round().to(torch.uint8).numpy()).save(args.work / "style.png")
        loss = loss_of(args)
        result = {"style": args.style.stem, "threads": torch.get_num_threads(), "clock": args.clock, "reference": {}}
        if args.only != "reference":
            ours = train_ours(args)
            result["ours"] = {f"{args.our_minutes} min": held_out_loss(args, loss, load_checkpoint(ours), 1.0)}
        if not any(states_of(args).glob("reference-*.pth")):
            place = ["--work", folder, "--reference-states", str(args.reference_states)]
            subprocess.run([sys.executable, *sys.argv, *place], check=True)
        sys.path.insert(0, str(args.reference))
        reference_net = importlib.import_module("transformer_net").TransformerNet
        for path in sorted(states_of(args).glob("reference-*.pth"), key=lambda p: float(p.stem.split("-")[1])):
            net = reference_net().eval()
            net.load_state_dict(torch.load(path, weights_only=True))
            result["reference"][f"{path.stem.split('-')[1]} min"] = held_out_loss(args, loss, net, 255.0)
        print(json.dumps(result, indent=1))
    return None


if __name__ == "__main__":
    main()
