"""Loss networks: one VGG, or several of which each gives the layers that the earlier ones lack."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..architectures.vgg import VGGFeatures
from ..errors import ConfigError


class EncoderStack(nn.Module):
    """Frozen encoders side by side; a layer comes from the first that has it.

    Args:
        encoders: At least one.
        dtype: Arithmetic of the encoders; features come back in it. bfloat16 halves the time of a training step
            on CPUs with AVX512-BF16; Gram matrices are accumulated in float32 all the same.
    """

    def __init__(self, encoders: Sequence[VGGFeatures], dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            # torch's stubs forget memory_format
            encoder.to(dtype).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            for encoder in encoders
        )
        self.dtype = dtype
        self.requires_grad_(False).eval()

    def layer_names(self) -> list[str]:
        """All layers, shallow to deep."""
        return sorted({name for encoder in self.encoders if isinstance(encoder, VGGFeatures) for name in encoder.names})

    def features(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """(B, 3, H, W), RGB 0..1 → layer → (B, C, h, w) in `dtype`; gradients flow to `image`.

        Raises:
            ConfigError: No encoder has one of the layers.
        """
        image = image.to(self.dtype).contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        for encoder in self.encoders:
            assert isinstance(encoder, VGGFeatures)  # noqa: S101 - ModuleList loses the type
            wanted = [name for name in layers if name in encoder.names and name not in found]
            if wanted:
                found.update(encoder(image, wanted))
        missing = [name for name in layers if name not in found]
        if missing:
            raise ConfigError(
                "The loss network has no such layer.",
                expected=", ".join(self.layer_names()),
                got=", ".join(missing),
                do="Choose other layers or another encoder.",
            )
        return found
