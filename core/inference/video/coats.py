"""Coats of paint: paintings that stay on the scene for a while.

A network paints every frame in other strokes. An average of two paintings is neither of them: at equal shares the style
loss was 2.3 to 2.8 times one painting's, while a picture put together from patches of both was as near to the style as
each. So paint is never averaged, it is chosen. Every few frames a painting becomes the new coat; until the next one,
patch by patch goes over from the old coat to the new. A coat is moved once, from the frame in which it was painted to
the frame at hand, along the flow summed up since: it does not wear. It counts where it has been in sight all the time
and the photo still looks as it did when it was painted; elsewhere the frame's own painting shows.

Tones, what is left of a painting after a wide mean, are always the frame's own: light that changes, and styles that
change over time, are followed at once, and patches do not differ. So is the contrast of strokes: moving, borders of
patches and tones of another painting together took up to 4 % of a band's power, which some style losses show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...images import resize_image
from ..periodic import periodic_resize
from .sharp import STRIP_ROWS, carried, doubled
from .warp import beyond_borders, looks_the_same, pixel_grid, resize_flow, warp, within_borders
from .windows import triangle_mean

Wrap = tuple[bool, bool]
PATCH_PX = 96
"""Distance between places that go over to the new coat first, pixels of the small frame: borders cost style."""
LEAST_PATCHES = 3
"""Such places along each side at least."""
SOFT = 0.01
"""Share of the patches that is in between: about a pixel at their borders."""
TONE_PX = 24
"""Radius of the mean, twice, that leaves tones, pixels of the small frame: wider than strokes."""
STROKE_PX = 8
"""Likewise of the mean that leaves no strokes."""
MOST_GAIN = 1.25
"""By so much at most, up or down, contrast is changed."""
CHOOSE = 16.0
"""Slope with which trust, 0..1, becomes a choice around one half."""
EDGE_PX = 2
"""So near to what is not trusted nothing is: an edge that moves would draw its paint out into lines."""
AMOUNT_SLOPE = 5.0
"""What strength has changed at a place by a tenth is not trusted any more."""


@dataclass(frozen=True)
class Coat:
    """One painting and its way to the frame at hand; all but `paint` at the size of the small frame."""

    paint: Tensor
    """(1, 3, 2H, 2W), as `doubled` lays it out."""
    tone: Tensor
    """(1, 3, h, w): the tones of `paint`."""
    photo: Tensor
    """(1, 3, h, w): what was painted."""
    amount: Tensor
    """(1, 1, h, w), 0..1: how far it was painted at all, by strength and masks."""
    back: Tensor
    """(1, 2, h, w): flow from the frame at hand to `paint`, pixels of the small frame."""
    seen: Tensor
    """(1, 1, h, w), 0..1: whether it has been in sight ever since."""

    def follow(self, back: Tensor, trust: Tensor, wrap: Wrap) -> Coat:
        """One frame on, along the flow to the last frame, where that can be trusted."""
        safe = -F.max_pool2d(-trust, 2 * EDGE_PX + 1, 1, EDGE_PX)
        seen = warp(self.seen, back, wrap=wrap) * (safe > 0.5)
        return replace(self, seen=seen, back=back + warp(self.back, back, wrap=wrap))

    def choice(self, photo: Tensor, amount: Tensor, wrap: Wrap) -> Tensor:
        """Where this coat is good for the photo at hand, (1, 1, h, w), nearly everywhere 0 or 1."""
        height, width = photo.shape[-2:]
        scale = torch.tensor([2 / width, 2 / height]).view(1, 2, 1, 1).to(photo)
        inside = (pixel_grid(height, width, photo).movedim(-1, 1) + self.back * scale).abs() <= 1
        inside = inside | torch.tensor(wrap, device=photo.device).view(1, 2, 1, 1)
        trust = self.seen * inside.all(1, keepdim=True) * looks_the_same(photo, warp(self.photo, self.back, wrap=wrap))
        changed = (amount - warp(self.amount, self.back, wrap=wrap)).abs()
        trust = trust * (1 - AMOUNT_SLOPE * changed).clamp_min(0) * (amount > 0)
        return ((trust - 0.5) * CHOOSE + 0.5).clamp(0, 1)


class Coats:
    """The old coat, the new one, and how far the one has gone over to the other.

    Args:
        repaint: Share of the picture that goes over each frame, above 0 to 1; a coat lasts up to 2 / repaint frames.
    """

    def __init__(self, repaint: float) -> None:
        self.repaint = repaint
        self._old: Coat | None = None
        self._new: Coat | None = None
        self._age = 0.0

    def reset(self) -> None:
        """Take all paint off: the next frame is the first."""
        self._old = self._new = None
        self._age = 0.0

    def follow(self, back: Tensor, trust: Tensor, wrap: Wrap) -> None:
        """Move on to the next frame.

        Args:
            back: Flow from it to the last, (1, 2, h, w), pixels of the small frame.
            trust: (1, 1, h, w), 0..1.
            wrap: Whether frames repeat along x, along y.
        """
        self._old, self._new = (coat and coat.follow(back, trust, wrap) for coat in (self._old, self._new))

    def over(self, fresh: Tensor, photo: Tensor, amount: Tensor, wrap: Wrap) -> Tensor:
        """What the frame shows: paint of the coats where it holds, else its own.

        Args:
            fresh: Its painting, (1, 3, H, W), 0..1, float32.
            photo: The small frame, (1, 3, h, w), 0..1.
            amount: How far it is painted, (1, 1, h, w), 0..1.
            wrap: Whether frames repeat along x, along y.

        Returns:
            (1, 3, H, W), 0..1; `fresh`, bit for bit, where no coat holds.
        """
        small = _shrunk(fresh, photo.shape[-2:], wrap)
        tone = _mean(small, TONE_PX, wrap)
        first = self._new is None
        self._age += self.repaint
        if first or self._age > 1 + 1e-9:
            self._age = self.repaint if first else self._age - 1
            still, seen = torch.zeros_like(photo[:, :2]), torch.ones_like(amount)
            self._old, self._new = self._new, Coat(doubled(fresh, wrap), tone, photo, amount, still, seen)
        if first or self._new is None:
            return fresh
        new, rest = self._new, self._new.choice(photo, amount, wrap)
        parts = [(new, rest)]
        if self._old is not None:
            order = warp(patches(*photo.shape[-2:]).to(photo), new.back, wrap=wrap)
            over = ((self._age - order) / SOFT + self._age).clamp(0, 1)
            old = self._old.choice(photo, amount, wrap)
            # the new coat also goes where the old one does not hold
            parts = [(new, rest * (1 - (1 - over) * old)), (self._old, (1 - over) * old)]
        result = fresh.clone()
        for coat, share in parts:
            if share.max() > 0:
                _lay(result, fresh, coat, share, tone - warp(coat.tone, coat.back, wrap=wrap), wrap)
        _match_contrast(result, fresh, small, sum((share for _, share in parts), torch.zeros_like(amount)), wrap)
        return result.clamp_(0, 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Names → tensors, for `load_state_dict`."""
        state = {"age": torch.tensor(self._age, dtype=torch.float64)}
        for name, coat in (("old", self._old), ("new", self._new)):
            if coat is not None:
                state |= {f"{name}.{field.name}": getattr(coat, field.name) for field in fields(coat)}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken."""
        self._age = float(state["age"])
        names = [field.name for field in fields(Coat)]
        self._old, self._new = (
            Coat(*(state[f"{which}.{name}"] for name in names)) if f"{which}.paint" in state else None
            for which in ("old", "new")
        )


def _lay(result: Tensor, fresh: Tensor, coat: Coat, share: Tensor, tone: Tensor, wrap: Wrap) -> None:
    """Lay a coat's share over the result, with the tones that it lacks, a strip after the other."""
    height, width = fresh.shape[-2:]
    flow = resize_flow(coat.back, height, width, wrap=wrap)
    share, tone = (_enlarged(part, fresh.shape[-2:], wrap) for part in (share, tone))
    for first, rows in _strips(height):
        paint = carried(coat.paint, flow, first, STRIP_ROWS, wrap) + tone[rows]
        result[rows] += share[rows] * (paint - fresh[rows])


def _match_contrast(result: Tensor, fresh: Tensor, small: Tensor, share: Tensor, wrap: Wrap) -> None:
    """Give paint of coats, `share` of the picture, as much contrast as the frame's own has there, by channel.

    `small` is `fresh` at the size of the small frame.
    """
    area = _enlarged(share, fresh.shape[-2:], wrap)
    wanted, _ = _contrast(fresh, small, area, wrap)
    found, mean = _contrast(result, _shrunk(result, share.shape[-2:], wrap), area, wrap)
    gain = (wanted / found.clamp_min(1e-9)).sqrt().clamp(1 / MOST_GAIN, MOST_GAIN)
    for _, rows in _strips(mean.shape[2]):
        result[rows] += area[rows] * (gain - 1) * (result[rows] - mean[rows])


def _contrast(picture: Tensor, small: Tensor, area: Tensor, wrap: Wrap) -> tuple[Tensor, Tensor]:
    """Power of the strokes in an area, (1, 3, 1, 1), and the picture without strokes, (1, 3, H, W).

    Without its own: about the mean of another painting the difference of both means would count as strokes.
    """
    mean = _enlarged(_mean(small, STROKE_PX, wrap), picture.shape[-2:], wrap)
    power = picture.new_zeros(1, 3, 1, 1)
    for _, rows in _strips(mean.shape[2]):
        power += (area[rows] * (picture[rows] - mean[rows]).square()).sum((2, 3), keepdim=True)
    return power, mean


def _strips(height: int) -> list[tuple[int, tuple]]:
    """First row and index of every strip."""
    return [(first, (..., slice(first, first + STRIP_ROWS), slice(None))) for first in range(0, height, STRIP_ROWS)]


def _mean(image: Tensor, radius: int, wrap: Wrap) -> Tensor:
    margin = 2 * radius
    return within_borders(triangle_mean(beyond_borders(image, margin, wrap), radius), margin, wrap)


def _shrunk(image: Tensor, size: torch.Size, wrap: Wrap) -> Tensor:
    height, width = size
    return periodic_resize(image, height, width, wrap=wrap) if any(wrap) else resize_image(image, height, width)


def _enlarged(image: Tensor, size: torch.Size, wrap: Wrap) -> Tensor:
    height, width = size
    if any(wrap):
        return periodic_resize(image, height, width, wrap=wrap)
    return F.interpolate(image, (height, width), mode="bilinear", align_corners=False)


def patches(height: int, width: int) -> Tensor:
    """When each place goes over to the new coat: (1, 1, h, w), every value from 0 to 1 equally often, smooth, periodic.

    The same on every machine: a film that was interrupted goes on with it.
    """
    generator = torch.Generator().manual_seed(0)
    down, across = (max(LEAST_PATCHES, math.ceil(side / PATCH_PX)) for side in (height, width))
    coarse = torch.rand(1, 1, down, across, generator=generator)
    field = periodic_resize(coarse, height, width, wrap=(True, True))
    return (field.flatten().argsort().argsort().view_as(field) + 0.5) / field.numel()
