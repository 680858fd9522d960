"""What a checkpoint wants to see: channel order, scale, mean and deviation of its input and output."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import ConfigError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class InputNormalization:
    """The affine map between core images (RGB, 0..1) and the range a network was trained on.

    inside = (image[order] · scale − mean) / std, per channel in the network's own channel order; the way
    back is its inverse, since every known checkpoint answers in the range it was asked in.
    """

    order: str = "RGB"
    """Channel order inside: RGB, or BGR for networks from the Caffe tradition."""
    scale: float = 1.0
    """1 for 0..1, 255 for 0..255."""
    mean: Triple = (0.0, 0.0, 0.0)
    """Subtracted after scaling, in the inner channel order."""
    std: Triple = (1.0, 1.0, 1.0)
    """Divided by after the mean, in the inner channel order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(v) for v in self.mean))
        object.__setattr__(self, "std", tuple(float(v) for v in self.std))
        if self.order not in ("RGB", "BGR") or self.scale <= 0 or len(self.mean) != 3 or len(self.std) != 3:
            raise ConfigError(
                "The input normalization of a model is malformed.",
                expected="order RGB or BGR, scale > 0, three means, three deviations",
                got=repr(asdict(self)),
                do="The file is damaged or from a newer version: convert it again.",
            )

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB 0..1 → the network's own range; new tensor, same dtype and device."""
        x = image if self.order == "RGB" else image.flip(1)
        if self.scale != 1.0:
            x = x * self.scale
        if any(self.mean):
            x = x - self._channels(self.mean, x)
        return x if self.std == (1.0, 1.0, 1.0) else x / self._channels(self.std, x)

    def decode(self, output: Tensor) -> Tensor:
        """Inverse of `encode`; not clamped."""
        x = output if self.std == (1.0, 1.0, 1.0) else output * self._channels(self.std, output)
        if any(self.mean):
            x = x + self._channels(self.mean, x)
        if self.scale != 1.0:
            x = x / self.scale
        return x if self.order == "RGB" else x.flip(1)

    @property
    def name(self) -> str:
        """The preset's name, or `custom`."""
        return next((name for name, preset in PRESETS.items() if preset == self), "custom")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as the native file stores it."""
        return {"order": self.order, "scale": self.scale, "mean": list(self.mean), "std": list(self.std)}

    @staticmethod
    def _channels(values: Triple, like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


PRESETS: dict[str, InputNormalization] = {
    "unit": InputNormalization(),
    "raw255": InputNormalization(scale=255.0),
    "bgr255": InputNormalization(order="BGR", scale=255.0),
    "imagenet": InputNormalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "caffe": InputNormalization(order="BGR", scale=255.0, mean=(103.939, 116.779, 123.68)),
}
"""Named in the manifest's `input_normalization`."""
