"""The camera's own motion, and flow that follows it wherever it explains the picture.

Dense flow wavers by a tenth of a pixel from place to place and by a pixel in plain areas. A film of photos forgives
that; strokes carried along it over several frames are bent, and the Gram loss of one starter style grew to 1.4 times.
Most of most films is one rigid scene before a moving camera, whose flow has eight parameters,

    u = c₁ + c₂x + c₃y + c₇x² + c₈xy,   v = c₄ + c₅x + c₆y + c₇xy + c₈y²

(a plane seen by a moving camera, to second order; pan, zoom and rotation are in it). Fitted to all pixels at once they
are exact to a few hundredths of a pixel. What moves by itself keeps its own flow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .warp import pixel_grid, warp
from .windows import box_mean, triangle_mean

SAMPLES = 64
"""Flow is read at about so many places along the shorter side."""
STEPS = 8
OUTLIERS_PX = (1.0, 0.1)
"""Distance from the model at which a pixel counts a quarter: halved from step to step, from the first to the last."""
MARGIN = 0.01
"""How much worse, 0..1, the camera's motion may explain a place than the flow that was made for it."""
DIFFERENCE_CAP = 0.1
LEAST_TRUSTED = 0.1
"""Share of the frame that must have moved in a way that can be trusted."""


def steadied(now: Tensor, before: Tensor, flow: Tensor, trust: Tensor, *, rigid: bool = True) -> Tensor:
    """The flow, and the camera's motion instead where it explains the picture as well.

    Args:
        now: Photo (1, 3, H, W), 0..1.
        before: The photo that the flow points into, same shape.
        flow: (1, 2, H, W), pixels right and down.
        trust: (1, 1, H, W), 0..1.
        rigid: Whether the camera may turn and zoom; False: it pans only, as in pictures that have no borders.

    Returns:
        (1, 2, H, W).
    """
    if trust.mean() < LEAST_TRUSTED:
        return flow
    camera = camera_flow(flow, trust, rigid=rigid)
    as_good = (_cost(now, before, camera) < _cost(now, before, flow) + MARGIN).to(flow)
    # by the majority around, and without steps, which would tear the paint
    as_good = triangle_mean((box_mean(as_good, 3) > 0.5).to(flow), 2)
    return torch.lerp(flow, camera, as_good)


def camera_flow(flow: Tensor, trust: Tensor, *, rigid: bool = True) -> Tensor:
    """The camera's motion as a flow: least squares with weights against outliers, as `steadied` takes its arguments."""
    height, width = flow.shape[-2:]
    every = max(1, min(height, width) // SAMPLES)
    places = (..., slice(None, None, every), slice(None, None, every))
    terms = _terms(height, width, flow, rigid)
    x = terms[places].flatten(2).double().cpu()
    y = flow[0][places].flatten(1).double().cpu()
    seen = trust[0, 0][places].flatten().double().cpu()
    weight = seen
    scale, least = OUTLIERS_PX
    solution = torch.zeros(len(x[0]), dtype=torch.float64)
    for _ in range(STEPS):
        weighted = (x * weight).movedim(1, 0).flatten(1)  # one row a term, of both components
        square = weighted @ x.movedim(1, 0).flatten(1).T
        square += 1e-9 * square.diagonal().max().clamp_min(1e-9) * torch.eye(len(square), dtype=square.dtype)
        solution = torch.linalg.solve(square, weighted @ y.flatten())
        distance = (torch.einsum("cip,i->cp", x, solution) - y).square().sum(0)
        weight = seen / (1 + distance / scale**2).square()
        scale = max(least, scale / 2)
    return torch.einsum("cihw,i->chw", terms, solution.to(terms))[None]


def _terms(height: int, width: int, like: Tensor, rigid: bool) -> Tensor:
    """What each parameter adds to u and v: (2, 8 or 2, H, W)."""
    ratio = torch.tensor([width, height], dtype=like.dtype, device=like.device) / max(height, width)
    x, y = (pixel_grid(height, width, like)[0] * ratio).unbind(-1)
    one, none = torch.ones_like(x), torch.zeros_like(x)
    if not rigid:
        return torch.stack([torch.stack([one, none]), torch.stack([none, one])])
    u = [one, x, y, none, none, none, x * x, x * y]
    v = [none, none, none, one, x, y, x * y, y * y]
    return torch.stack([torch.stack(u), torch.stack(v)])


def _cost(now: Tensor, before: Tensor, flow: Tensor) -> Tensor:
    return box_mean((now - warp(before, flow)).abs().mean(1, keepdim=True).clamp_max(DIFFERENCE_CAP), 2)
