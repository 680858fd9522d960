"""StyleModel: a network with its description, and one call with a written contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .architectures import ARCHITECTURES, StyleCode, StyleKind, StyleNetwork
from .architectures._statistics import painting_pass
from .errors import StyleError
from .images import check_image, pad_to_side
from .margin import Margin, mirrored, within
from .masks import check_mask, convex, resize_mask
from .spec import ModelSpec


@dataclass(frozen=True)
class StyleLayer:
    """One ingredient of a mix."""

    style: str | int | Tensor
    """Name or index for CIN, a picture (1, 3, h, w) in 0..1 for any-style models."""
    weight: float = 1.0
    mask: Tensor | None = None
    """(H, W), (B, H, W) or (B, 1, H, W), soft, any size; None: everywhere."""


StyleSelection = str | int | Mapping[str, float] | Tensor | Sequence[StyleLayer] | None
"""Everything that `style=` takes."""


class StyleModel:
    """Network and frozen description. Takes and gives core images whatever the checkpoint wants inside.

    Args:
        network: In eval mode from here on.
        spec: Its description.
    """

    def __init__(self, network: StyleNetwork, spec: ModelSpec) -> None:
        self.network = network.eval()
        self.spec = spec

    @property
    def style_kind(self) -> StyleKind:
        """Fixed | conditional | image."""
        return ARCHITECTURES[self.spec.architecture].style_kind

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return next(self.network.parameters()).dtype

    @torch.inference_mode()
    def __call__(self, content: Tensor, style: StyleSelection = None) -> Tensor:
        """Stylize by the plain path: whole picture, full strength, the dtype and device of the weights.

        Args:
            content: (B, 3, H, W), float, 0..1, any H and W ≥ 1.
            style: Name, index, {name: weight} or list of `StyleLayer`; for any-style models a picture
                (1 or B, 3, h, w) or a list of `StyleLayer`. None: the first style.

        Returns:
            (B, 3, H, W), 0..1, on the device of `content`, in its dtype.

        Raises:
            ImageError: `content` or a style picture is no image.
            StyleError: A style that this model does not have, or of a kind it cannot take.
        """
        content = check_image(content, "content")
        code = self.encode(style, content.shape[0])
        return self.paint(content, code)

    @torch.inference_mode()
    def encode(self, style: StyleSelection = None, batch: int = 1) -> StyleCode | None:
        """Resolve a selection into what the network is told; None for one-style networks.

        Raises:
            ImageError: A style picture or mask of the wrong shape.
            StyleError: An unknown style, or one of a kind that this model cannot take.
        """
        layers = self._layers(style)
        if self.style_kind == "fixed":
            self._check_fixed(layers)
            return None
        if self.style_kind == "conditional":
            rows = torch.zeros(len(layers), len(self.spec.styles))
            for row, layer in zip(rows, layers, strict=True):
                row[self.style_index(layer.style)] = 1
            weights = self._weights(layers)  # (1, L) or (B or 1, L, H, W)
            if weights.ndim == 2:
                return StyleCode((weights @ rows).to(self.device))
            return StyleCode(weights.to(self.device), rows=rows.to(self.device))
        pictures = [self._picture(layer.style, batch) for layer in layers]
        if any(len(picture) > 1 for picture in pictures):
            return self._encode_batch(layers, pictures, batch)
        encoded = [self.network.encode_style(self._to_inside(picture)) for picture in pictures]
        features = tuple(torch.cat(parts) for parts in zip(*encoded, strict=True))
        return StyleCode(self._weights(layers).to(self.device), features)

    @torch.inference_mode()
    def paint(self, content: Tensor, code: StyleCode | None, margin: Margin | None = None) -> Tensor:
        """Run the network on a checked image (B, 3, H, W) → (B, 3, H, W), clamped, same dtype and device.

        Args:
            content: 0..1.
            code: From `encode`.
            margin: Beyond the borders; None: the model's own.
        """
        return shown(self.run(content, code, margin), content)

    @torch.inference_mode()
    def run(self, content: Tensor, code: StyleCode | None, margin: Margin | None = None) -> Tensor:
        """The same as the network leaves it: float32 or better, not clamped; NaN where half precision overflowed."""
        height, width = content.shape[-2:]
        around = self.spec.margin if margin is None else margin

        def laid_out(image: Tensor) -> Tensor:
            return pad_to_side(mirrored(image, around), self.network.min_side)

        if code is not None and code.weights.ndim == 4:
            code = replace(code, weights=laid_out(resize_mask(code.weights.float(), height, width)))
        if code is not None and isinstance(code.alpha, Tensor):
            code = replace(code, alpha=laid_out(resize_mask(code.alpha.float(), height, width)))
        with painting_pass():
            out = within(self.network(self._to_inside(laid_out(content)), code), around, height, width)
        return self.spec.normalization.decode(out.to(content.device, torch.promote_types(out.dtype, torch.float32)))

    def style_index(self, style: str | int | Tensor) -> int:
        """Index of a style by name (`ModelSpec.index_of`) or number (0-based, negative counts from the end).

        Raises:
            StyleError: There is no such style here; the message lists what there is.
        """
        names = self.spec.style_names
        if isinstance(style, int) and -len(names) <= style < len(names):
            return style % len(names)
        found = self.spec.index_of(style) if isinstance(style, str) else None
        if found is not None:
            return found
        raise StyleError(
            f"{self.spec.title or self.spec.architecture} has no such style.",
            expected=", ".join(names) or "a style picture",
            got="a picture" if isinstance(style, Tensor) else repr(style),
            do="Choose one of these"
            + (", or an any-style model (AdaIN, CoMatch) for a picture." if isinstance(style, Tensor) else "."),
        )

    def _layers(self, style: StyleSelection) -> list[StyleLayer]:
        """Bring every form of `style=` to a non-empty list of layers."""
        if style is None:
            if self.style_kind == "image":
                raise StyleError(
                    f"{self.spec.title or self.spec.architecture} paints in the style of a picture; none was given.",
                    expected="a style picture (1, 3, h, w)",
                    got="nothing",
                    do="Pass style=picture (CLI: --style PICTURE).",
                )
            return [StyleLayer(0)]
        if isinstance(style, Mapping):
            layers = [StyleLayer(name, float(weight)) for name, weight in style.items()]
        elif isinstance(style, str | int | Tensor):
            layers = [StyleLayer(style)]
        else:
            layers = list(style)
        if not layers or not sum(max(0.0, layer.weight) for layer in layers) > 0:
            raise StyleError(
                "The mix has no style with a weight above 0.",
                expected="at least one positive weight",
                got=str([layer.weight for layer in layers]),
                do="Give one of the styles a positive weight.",
            )
        return layers

    def _check_fixed(self, layers: list[StyleLayer]) -> None:
        for layer in layers:
            if isinstance(layer.style, Tensor) or layer.style != 0:
                self.style_index(layer.style)

    def _weights(self, layers: list[StyleLayer]) -> Tensor:
        """(1, L), or (B or 1, L, H, W) as soon as one layer has a mask; convex over L."""
        values = torch.tensor([[max(0.0, layer.weight) for layer in layers]], dtype=torch.float32)
        masks = [None if layer.mask is None else _place(layer.mask) for layer in layers]
        given = [mask for mask in masks if mask is not None]
        if not given:
            return convex(values)
        height = max(mask.shape[-2] for mask in given)
        width = max(mask.shape[-1] for mask in given)
        batch = max(mask.shape[0] for mask in given)
        maps = [
            torch.ones(batch, 1, height, width)
            if mask is None
            else resize_mask(mask, height, width).expand(batch, -1, -1, -1)
            for mask in masks
        ]
        return convex(torch.cat(maps, 1) * values[..., None, None])

    def _picture(self, style: str | int | Tensor, batch: int) -> Tensor:
        if not isinstance(style, Tensor):
            raise StyleError(
                f"{self.spec.title or self.spec.architecture} paints in the style of a picture, not of a name.",
                expected="a picture (1, 3, h, w), float, 0..1",
                got=repr(style),
                do="Load the picture first, or choose a model with named styles.",
            )
        picture = check_image(style, "style")
        if len(picture) not in (1, batch):
            raise StyleError(
                "The style batch does not fit the content batch.",
                expected=f"1 or {batch} style pictures",
                got=str(len(picture)),
                do="Give one style picture, or one for each photo.",
            )
        return pad_to_side(picture, self.network.min_side)

    def _encode_batch(self, layers: list[StyleLayer], pictures: list[Tensor], batch: int) -> StyleCode:
        """One picture per photo: S = L · B features, each photo sees only its own L."""
        weights = self._weights(layers).expand(batch, *(-1,) * (self._weights(layers).ndim - 1))
        spread = torch.zeros(batch, len(layers) * batch, *weights.shape[2:])
        for row in range(batch):
            spread[row, row::batch] = weights[row]
        encoded = [
            self.network.encode_style(self._to_inside(picture.expand(batch, -1, -1, -1))) for picture in pictures
        ]
        features = tuple(torch.cat(parts) for parts in zip(*encoded, strict=True))
        return StyleCode(spread.to(self.device), features)

    def _to_inside(self, image: Tensor) -> Tensor:
        return self.spec.normalization.encode(image.to(self.device, self.dtype))


def shown(painted: Tensor, like: Tensor) -> Tensor:
    """A picture of what a network left: finite, 0..1, in the dtype of `like`."""
    return torch.nan_to_num(painted, nan=0.0).clamp(0, 1).to(like.dtype)


def _place(mask: Tensor) -> Tensor | None:
    """A checked mask (B, 1, H, W), float32, on the CPU; None where it is 1 everywhere, and so changes nothing."""
    checked = check_mask(mask, "mask of a style").float().cpu()
    return None if bool((checked == 1).all()) else checked
