"""What a training run is told. Attribute docstrings are the help texts of command line and nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.architectures.transformer_net import CHOICES
from ..core.errors import ConfigError
from ..core.losses.statistics import STATISTICS
from .data import PHOTO_ZOOM
from .shard import Shard

METHODS = ("vanilla", "in", "cin", "comatch", "adain")
ONE_STYLE = ("vanilla", "in")
ANY_STYLE = ("comatch", "adain")
ANY_STYLE_ZOOM = 2.0
"""`photo_zoom` of networks that must paint with strokes of any size."""
CONTENTS = ("perceptual", "pixel")
UPSAMPLINGS = CHOICES["upsampling"]
STROKE_SUFFIXES = {2: ("--small", "--large"), 3: ("--small", "--medium", "--large")}
"""Behind the names of paintings that are learned at several stroke sizes."""
DECODERS = ("modulated", "mirrored")
SHORT_RUN_MIN = 10.0
"""A run that is not longer has too few steps for crops of the full side (docs/adr/0023)."""
SMALLEST_WHOLE_PX = 128
"""Side of crops on which a whole run may be made."""


@dataclass(frozen=True, kw_only=True)
class RunArgs:
    """What every run of the loop has, whatever is trained."""

    out: Path
    """The finished file, .safetensors; the resumable state lies beside it as OUT.train."""
    photos: Path
    """Folder of photos, searched recursively."""
    steps: int | None = None
    """Length of the run in steps; exactly reproducible."""
    minutes: float | None = None
    """Length of the run in minutes of wall time, all resumed parts together."""
    size_px: int = 256
    """Side of the square training crops."""
    half_size: float | None = None
    """Share of the run that trains on crops of half the side, in a quarter of the time; None: see `half_share`."""
    batch: int = 4
    """Photos per step."""
    learning_rate: float = 1e-3
    """Peak of Adam's learning rate; it falls to a twentieth along a cosine."""
    ema: float = 0.998
    """Decay of the averaged weights that are saved; 0 saves the last ones."""
    seed: int = 0
    """Of initialisation, photo order, crops."""
    bf16: bool = False
    """bfloat16 arithmetic inside network and encoder; weights, statistics and losses stay float32. For devices that
    multiply in it themselves (core.inference.device.bf16_is_fast): elsewhere a step takes several times as long."""
    device: str = "cpu"
    """Where network and encoder compute: cpu, cuda, cuda:1, mps."""
    save_every_s: float = 120.0
    """Seconds between resumable checkpoints."""
    shard: Shard = Shard()
    """Which part of every batch this process takes, in a run over several."""

    @property
    def half_share(self) -> float:
        """`half_size`; by default all of a run of few minutes, unless half a crop is below 128 px, else a half."""
        if self.half_size is not None:
            return self.half_size
        short = self.minutes is not None and self.minutes <= SHORT_RUN_MIN
        return 1.0 if short and self.size_px >= 2 * SMALLEST_WHOLE_PX else 0.5

    def __post_init__(self) -> None:
        check_options(
            ((self.steps is None) != (self.minutes is None), "length", "either steps or minutes", f"{self.steps=}"),
            (self.size_px >= 64, "size_px", "at least 64", str(self.size_px)),
            (self.half_size is None or 0 <= self.half_size <= 1, "half_size", "0 … 1", str(self.half_size)),
            (self.batch >= 1, "batch", "at least 1", str(self.batch)),
            (
                self.batch % self.shard.world == 0,
                "batch",
                f"a multiple of {self.shard.world} processes",
                str(self.batch),
            ),
            (0 <= self.ema < 1, "ema", "0 ≤ ema < 1", str(self.ema)),
            (self.learning_rate > 0, "learning_rate", "above 0", str(self.learning_rate)),
        )


@dataclass(frozen=True, kw_only=True)
class TrainArgs(RunArgs):
    """Training a style network."""

    method: str
    """vanilla (batch norm) | in (instance norm) | cin (many styles in one net) | comatch | adain (any picture)."""
    styles: tuple[Path, ...]
    """Paintings: one for vanilla and in, several for cin; files and folders, many, for comatch and adain."""
    encoder: tuple[Path, ...]
    """Loss network: one or several VGG files; a layer comes from the first file that has it."""
    credits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """File stem of a painting → `title`, `attribution`, `license`, as the file will tell them."""
    model_license: str = "unknown"
    """SPDX id of the licence of the weights."""
    start_from: Path | None = None
    """A model whose weights the run starts with (trainers/warm_start.py, transplant.py); None: random ones."""
    transfer_encoder: Path | None = None
    """adain, comatch: the encoder whose statistics are matched; None: that of the model a run goes on from, or the
    first loss network."""
    decoder: str = "modulated"
    """adain: modulated (the style's statistics at all scales steer every convolution) | mirrored (the paper's)."""
    leave_out_encoder: bool = False
    """adain, comatch: write the decoder alone, for an encoder that is shipped as a file of its own."""
    style_size_px: int = 256
    """Short side to which paintings are scaled: larger means larger strokes in the result."""
    stroke_sizes_px: tuple[int, ...] = ()
    """cin: short sides at which every painting is learned, as a style each, small strokes to large ones."""
    widths: tuple[int, int, int] = (16, 48, 96)
    """Channels of the three encoder stages; the decoder mirrors them."""
    blocks: int = 5
    """Residual blocks."""
    content_target: float = 0.7
    """Content loss to hold, in units of the photo's feature variance: the weight of style follows it."""
    style_layers: tuple[tuple[str, float], ...] = (
        ("relu1_1", 1.0),
        ("relu2_1", 1.0),
        ("relu3_1", 1.0),
        ("relu4_1", 1.0),
        ("relu5_1", 1.0),
    )
    """Layers of the style loss and their weights."""
    content_layers: tuple[str, ...] = ("relu4_1",)
    """Layers of the content loss."""
    statistic: str = "gram"
    """What of the features is style: gram | mean-std | covariance | mrf."""
    content: str = "perceptual"
    """What of the photo is kept: perceptual (features) | pixel."""
    tv_weight: float = 0.0
    """Total variation; it smooths strokes too, and against grids there is `grid_weight`."""
    grid_weight: float = 0.0
    """Loss of patterns that repeat every 2 or 4 px (core/losses/grid.py); 0.1 for a network that can paint already."""
    photo_zoom: float | None = None
    """Largest short side, in crops, that photos are scaled to before they are cut: 1 shows all of a square photo; None:
    1.5, for adain and comatch 2."""
    border_weight: float = 0.0
    """Of the style loss within 16 px of the edge alone, of photos with a mirrored margin (docs/adr/0026); 0.5 for a
    network that can paint already."""
    upsampling: str = "nearest"
    """nearest | bilinear | transposed."""

    @property
    def zoom(self) -> float:
        """`photo_zoom`, or that of the method."""
        return self.photo_zoom or (ANY_STYLE_ZOOM if self.method in ANY_STYLE else PHOTO_ZOOM)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(
            (self.method in METHODS, "method", " | ".join(METHODS), self.method),
            (len(self.styles) > 0, "styles", "at least one painting", "none"),
            (self.method not in ONE_STYLE or len(self.styles) == 1, "styles", "one painting", str(len(self.styles))),
            (
                len(self.stroke_sizes_px) in (0, *STROKE_SUFFIXES)
                and self.stroke_sizes_px == tuple(sorted(set(self.stroke_sizes_px))),
                "stroke_sizes_px",
                "none, or two or three different sizes in rising order",
                str(self.stroke_sizes_px),
            ),
            (not self.stroke_sizes_px or self.method == "cin", "stroke_sizes_px", "the method cin", self.method),
            (self.statistic in STATISTICS, "statistic", " | ".join(STATISTICS), self.statistic),
            (self.photo_zoom is None or self.photo_zoom >= 1, "photo_zoom", "at least 1", str(self.photo_zoom)),
            (
                not self.border_weight or self.statistic != "mrf",
                "border_weight",
                "another statistic than mrf",
                self.statistic,
            ),
            (
                not self.border_weight or self.size_px >= SMALLEST_WHOLE_PX,
                "border_weight",
                f"crops of at least {SMALLEST_WHOLE_PX} px",
                str(self.size_px),
            ),
            (self.content in CONTENTS, "content", " | ".join(CONTENTS), self.content),
            (self.decoder in DECODERS, "decoder", " | ".join(DECODERS), self.decoder),
            (self.upsampling in UPSAMPLINGS, "upsampling", " | ".join(UPSAMPLINGS), self.upsampling),
            (self.content_target > 0, "content_target", "above 0", str(self.content_target)),
        )


def check_options(*rules: tuple[bool, str, str, str]) -> None:
    """Raise for the first rule (fine, option, expected, got) that does not hold.

    Raises:
        ConfigError: With the option's name.
    """
    for fine, option, expected, got in rules:
        if not fine:
            raise ConfigError(
                f"The training option `{option}` cannot be used like this.",
                expected=expected,
                got=got,
                do="Correct it; `brushwork train --help` lists all options.",
            )
