"""Loss networks from files: one VGG, or several of which each gives the layers that the earlier ones lack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..architectures.vgg import VGGConfig, VGGFeatures, normalised_vgg19, small_vgg19
from ..errors import CheckpointError, ConfigError
from ..normalization import InputNormalization


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


def load_encoder(path: str | Path) -> VGGFeatures:
    """Read a VGG file of ours, of AdaIN, or of Collaborative Distillation.

    Ours is a .safetensors (`core.hub.get_encoder` gives VGG16 and VGG19), AdaIN's `vgg_normalised` may be whole
    or cut, Collaborative Distillation's is the 16 times smaller one.

    Raises:
        CheckpointError: The file is missing, unsafe, or no VGG that is known here.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return _native_encoder(path)
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"The encoder {path} cannot be read.",
            expected="a state dict saved with torch.save",
            got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="Check the path, or get the file again.",
        ) from error
    state = data["model"] if isinstance(data, dict) and isinstance(data.get("model"), dict) else data
    if isinstance(state, dict) and "0.weight" in state and state["0.weight"].shape == (3, 3, 1, 1):
        return normalised_vgg19(state)
    if isinstance(state, dict) and "conv0.weight" in state and "conv11.weight" in state:
        return small_vgg19(state)
    keys = list(state)[:4] if isinstance(state, dict) else type(state).__name__
    raise CheckpointError(
        f"{path} is no encoder that this version knows.",
        expected="keys 0.weight, 2.weight, … (normalised VGG19) or conv0, conv11, … (small VGG19)",
        got=str(keys),
        do="Use vgg_normalised.pth of AdaIN or an encoder of Collaborative Distillation.",
    )


def _native_encoder(path: Path) -> VGGFeatures:
    """A safetensors file with the keys of VGGFeatures, and its configuration under `brushwork` in the header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["brushwork"])
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
        normalization = InputNormalization(**header["normalization"])
        network = VGGFeatures(VGGConfig(**header["hyperparameters"], normalization=normalization))
        network.load_state_dict(state)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"The encoder {path} cannot be read.",
            expected="a VGG in Brushwork's format: conv1_1.weight …, configuration in the header",
            got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="Check the path, or get the file again: `brushwork models get vgg16`.",
        ) from error
    return network.eval().requires_grad_(False)
