"""Several styles in one picture, each in its place: normalization with every style's own statistics."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ._base import StyleCode
from ._mixing import style_maps

SMALLEST_REGION = 2.0
"""Positions of a feature map that a mask must cover for statistics of its own."""


class StyleField:
    """Styles by place (Dumoulin et al. 2017, § 2.4; Huang & Belongie 2017, § 7.4), without a foreign influence.

    Instance normalization looks at the whole picture. Where half of it is painted in another style, the shared
    mean and deviation are neither style's, and each half comes out other than in a run of its own: 13–20 of 255 grey
    levels with the CIN starter. So the statistics of every style come from a run of its own, and the shared run uses

        z = Σ_k m_k · [ a_k (x − μ_k) / σ_k + b_k ],

    which is style k's own run wherever its map m_k is 1, beyond the receptive field from the border. That costs a run
    for each style; only (B, C) numbers a layer are kept.

    Args:
        maps: m, (B or 1, K, H, W), convex over K, at the resolution of the picture.
        rows: What each of the K is made of: weights (K, S) over the styles of the network; None: the k-th style.
        regional: Statistics of each own run over its region only, weighted by its map, instead of the whole picture.
    """

    def __init__(self, maps: Tensor, rows: Tensor | None = None, *, regional: bool = False) -> None:
        self.maps, self.rows, self.regional = maps, rows, regional
        self._run: int | None = None
        self._layer = 0
        self._statistics: list[dict[int, tuple[Tensor, Tensor]]] = []
        self._at_size: dict[tuple[int, int], Tensor] = {}

    def runs(self) -> Iterator[int | None]:
        """Forward passes to make: k for each style's own run, then None for the shared one, whose result counts.

        A single style needs only its own.
        """
        count = self.maps.shape[1]
        used = [k for k in range(count) if count == 1 or bool((self.maps[:, k] > 0).any())]
        for run in used if len(used) == 1 else [*used, None]:
            self._run, self._layer = run, 0
            yield run

    def at(self, like: Tensor) -> Tensor:
        """The maps at the resolution of features (B, C, h, w), in float32 or better: (B or 1, K, h, w)."""
        size = (like.shape[-2], like.shape[-1])
        if size not in self._at_size:
            self._at_size[size] = style_maps(self.maps, size, dtype=torch.promote_types(like.dtype, torch.float32))
        return self._at_size[size]

    def blend(self, values: Tensor, like: Tensor) -> Tensor:
        """Values of the K styles, (K, C) or (B, K, C), in the present run: (B or 1, C, 1 or h, 1 or w)."""
        values = values if values.ndim == 3 else values[None]
        if self._run is not None:
            return values[:, self._run, :, None, None]
        maps = self.at(like).to(values.dtype)
        batch = max(len(maps), len(values))
        return torch.einsum("bkhw,bkc->bchw", maps.expand(batch, -1, -1, -1), values.expand(batch, -1, -1))

    def normalize(
        self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None, *, eps: float, correction: int = 0
    ) -> Tensor:
        """The layer's normalization in the present run.

        Args:
            x: (B, C, h, w), floating point.
            scale: a, (K, C) or (B, K, C); None: 1.
            shift: b, likewise; None: 0.
            eps: Under the root.
            correction: 1 for the unbiased variance.

        Returns:
            New tensor (B, C, h, w) in the dtype of `x`; computed in float32 or better.
        """
        work = x.to(torch.promote_types(x.dtype, torch.float32))
        if self._layer == len(self._statistics):
            self._statistics.append({})
        known = self._statistics[self._layer]
        self._layer += 1
        if self._run is not None:
            known[self._run] = self._measure(work, eps, correction)
        count = self.maps.shape[1]
        stand_in = next(iter(known.values()))  # for maps that are 0 everywhere
        mean = torch.stack([known.get(k, stand_in)[0] for k in range(count)], 1)  # (B, K, C)
        inverse = torch.stack([known.get(k, stand_in)[1] for k in range(count)], 1)
        gain = inverse if scale is None else inverse * scale.to(work.dtype)
        offset = -mean * gain if shift is None else shift.to(work.dtype) - mean * gain
        return torch.addcmul(self.blend(offset, work), work, self.blend(gain, work)).to(x.dtype)

    def _measure(self, x: Tensor, eps: float, correction: int) -> tuple[Tensor, Tensor]:
        """μ and 1/σ, (B, C), over the picture or over the region of the present run."""
        variance, mean = torch.var_mean(x, dim=(2, 3), correction=correction)
        if self.regional:
            weights = self.at(x)[:, self._run, None]  # (B or 1, 1, h, w)
            area = weights.sum((2, 3))
            local = (x * weights).sum((2, 3)) / area.clamp_min(SMALLEST_REGION)
            spread = ((x - local[..., None, None]).square() * weights).sum((2, 3))
            spread = spread / (area - correction).clamp_min(SMALLEST_REGION - correction)
            known = area >= SMALLEST_REGION
            mean, variance = torch.where(known, local, mean), torch.where(known, spread, variance)
        return mean, (variance + eps).rsqrt()


def codes_by_place(style: StyleCode, own: tuple[Tensor, ...]) -> tuple[list[Tensor], Tensor]:
    """Codes of picture-driven styles with the photo's own code behind them, which a map of α gives the rest to.

    Args:
        style: S pictures with features (S, …) each, and their places; α a number or a map.
        own: The same features of the photos, (B, …) each.

    Returns:
        For every feature (B, S + 1, …): the styles, for a number α each drawn towards the photo's own code, and that
        code; and the maps, (B or 1, S + 1, H, W), convex.
    """
    maps, alpha, batch = style.weights, style.alpha, len(own[0])
    if maps.ndim == 2:
        maps = maps[:, :, None, None]
    codes = []
    for of_photo, part in zip(own, style.features, strict=True):
        styles = part[None].expand(batch, *part.shape)
        if not isinstance(alpha, Tensor):
            styles = torch.lerp(of_photo[:, None], styles.to(of_photo), alpha)
        codes.append(torch.cat((styles.to(of_photo), of_photo[:, None]), 1))
    share = alpha if isinstance(alpha, Tensor) else torch.ones_like(maps[:1, :1])
    rest = (1 - share).expand(len(share), 1, *torch.broadcast_shapes(maps.shape[2:], share.shape[2:]))
    styles = maps * share
    rows = max(len(styles), len(rest))
    return codes, torch.cat([part.expand(rows, -1, *rest.shape[2:]) for part in (styles, rest)], 1)
