"""CoMatch: features matched to a Gram matrix by one product   (Zhang & Dana 2017, arXiv 1703.06953, § 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

RIDGE = 0.1
"""Of the mean Gram matrix's diagonal, so that its inverse does not blow up directions that hardly occur."""


class CoMatch(nn.Module):
    """Ŷ = Φ⁻¹[Φ(F)ᵀ W G(S)]ᵀ          (Zhang & Dana 2017, eq. 9).

    Linear in G(S): mixing Gram matrices is mixing results, which is what pixel weights do.

    Args:
        channels: C.
        whitened: Learn V of W = P V P, where P whitens the features of usual styles; V begins as the identity. Channels
            of a frozen encoder differ a thousandfold in energy: a step that is small for one is a leap for another.
    """

    whitening: Tensor | None

    def __init__(self, channels: int, *, whitened: bool = False) -> None:
        super().__init__()
        start = torch.eye(channels) if whitened else torch.empty(channels, channels).uniform_(0.0, 0.02)
        self.weight = nn.Parameter(start)
        self.register_buffer("whitening", torch.eye(channels) if whitened else None)

    @torch.no_grad()
    def whiten(self, gram: Tensor) -> None:
        """Let P² be the inverse of the mean Gram matrix (C, C) of styles: with V = 1 nothing changes on average."""
        own = gram.double()
        ridge = RIDGE * own.diagonal().mean() * torch.eye(len(own), dtype=own.dtype)
        energy, directions = torch.linalg.eigh(own + ridge)
        assert self.whitening is not None  # noqa: S101 - the caller made it so
        self.whitening.copy_((directions * energy.rsqrt()) @ directions.T)

    def forward(self, x: Tensor, grams: Tensor, weights: Tensor) -> Tensor:
        """Match the features to the styles.

        Args:
            x: F, (B, C, H, W).
            grams: G(S) of S pictures, (S, C, C), or (B, S, C, C) where every photo has its own.
            weights: (B or 1, S), or (B or 1, S, H, W), convex over S.

        Returns:
            New tensor (B, C, H, W), dtype of `x`.
        """
        grams = grams if grams.ndim == 4 else grams[None]
        if weights.ndim == 2:
            mixed = (weights.to(grams.dtype)[:, :, None, None] * grams).sum(1)
            return self._match(x, mixed)
        matched = torch.zeros_like(x)
        for style in range(grams.shape[1]):
            matched = matched + self._match(x, grams[:, style]) * weights[:, style, None].to(x.dtype)
        return matched

    def _match(self, x: Tensor, gram: Tensor) -> Tensor:
        """X (B, C, H, W), gram (B or 1, C, C)."""
        return (self.matrix(gram).to(x.dtype) @ x.flatten(2)).view_as(x)

    def matrix(self, gram: Tensor) -> Tensor:
        """What is multiplied with the features: (W G)ᵀ, (B, C, C) for Gram matrices (B, C, C).

        In the dtype of the Gram matrices under autocast too: W undoes a usual one, and little is left of large numbers.
        """
        with torch.autocast(gram.device.type, enabled=False):
            return (self.product(gram.dtype) @ gram).transpose(1, 2)

    def product(self, dtype: torch.dtype) -> Tensor:
        """W, (C, C)."""
        if self.whitening is None:
            return self.weight.to(dtype)
        outer = self.whitening.to(dtype)
        return outer @ self.weight.to(dtype) @ outer
