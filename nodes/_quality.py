"""What the measuring nodes share: the loss network on ComfyUI's device, single pictures out of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from torch import Tensor

from ..core.errors import ConfigError, ImageError
from ..core.images import resize_short_side, split_alpha
from . import _host, _library

if TYPE_CHECKING:
    from ..core.losses.encoders import EncoderStack


def encoder_input() -> io.Input:
    """Which network judges."""
    return io.Combo.Input(
        "encoder",
        options=_library.encoder_choices(),
        advanced=True,
        tooltip=(
            "The network whose features are looked at. compact comes with Brushwork. Those ending in (hub) are "
            "downloaded on first use; others are files in models/style_transfer."
        ),
    )


def load(name: str, node_id: str | None) -> EncoderStack:
    """A loss network on ComfyUI's device; downloaded where it is missing."""
    from ..core.checkpoints.encoder import load_encoder  # late for a quick start, as in _library
    from ..core.losses.encoders import EncoderStack

    def downloading(done: int, total: int) -> None:
        _host.check_interrupt()
        _host.status(f"downloading {done / 1e6:.1f} of {total / 1e6:.1f} MB", node_id)

    path = _library.encoder_file(name, downloading)
    with _host.ordinary_tensors():
        return EncoderStack([load_encoder(path)]).to(_host.torch_device())


def picture(image: Tensor, index: int = 0, short_side_px: int = 0) -> Tensor:
    """One picture of an IMAGE batch, on ComfyUI's device, without alpha.

    Args:
        image: (B, H, W, C).
        index: Which; a batch of one serves for all.
        short_side_px: Scaled down to it; 0: as it is.

    Returns:
        (1, 3, h, w), float32.
    """
    one = image[index % len(image)][None]
    rgb = split_alpha(_host.to_core(one).to(_host.torch_device()))[0]
    return resize_short_side(rgb, short_side_px) if 0 < short_side_px < min(rgb.shape[-2:]) else rgb


def style_or_error(image: Tensor | None) -> Tensor:
    """The style picture that was wired.

    Raises:
        ConfigError: None was.
    """
    if image is None:
        raise ConfigError(
            "There is no style to paint in.",
            expected="a picture wired into `style_image`",
            got="nothing",
            do="Wire a painting, or set keep to feature or style.",
        )
    return picture(image)


def check_counts(**batches: Any) -> int:
    """The number of pictures in the first batch; all others must have as many, or one.

    Raises:
        ImageError: Another number.
    """
    (first, pictures), *others = batches.items()
    for name, batch in others:
        if len(batch) not in (1, len(pictures)):
            raise ImageError(
                f"The number of pictures in `{name}` does not fit.",
                expected=f"1 or {len(pictures)}, as many as in `{first}`",
                got=str(len(batch)),
                do="Wire one for all, or one for each.",
            )
    return len(pictures)
