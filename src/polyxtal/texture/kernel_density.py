"""Orientation density of weighted orientations, by a kernel about each."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.kernel import rotation_density

_PAIRS = 1 << 23


_FINE = math.radians(3)
"""Half-width below which a cosine in single precision changes the density by over 0.1 %. [rad]"""


def kernel_density(
    at: Float[Tensor, "m 4"],
    centres: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"],
    halfwidth: float,
    laue: LaueGroup = CUBIC,
    kernel: Callable[[Tensor], Tensor] | None = None,
) -> Float[Tensor, " m"]:
    """Return the sum of kernels about weighted centres and their equivalents. [multiples of random]

    Args:
        at: Orientations to evaluate at. [-]
        centres: Unit quaternions. [-]
        weights: Shares that sum to 1. [-]
        halfwidth: Half-width of the kernel. [rad]
        laue: Laue group of the crystals.
        kernel: Kernel as a function of cos ω (default: von Mises-Fisher).
    """
    order = laue.order
    precision = torch.float64 if halfwidth < _FINE else torch.float32
    points, centre = at.to(precision), centres.to(precision)
    share = weights.to(precision) / order
    # The angle between q s and c is that between q and c s⁻¹: the fewer of them are copied.
    few = len(centre) <= len(points)
    copies = laue.equivalents(centre if few else points)
    if few:
        centre, share = copies.reshape(-1, 4), share.repeat_interleave(order)
    step = max(1, _PAIRS // (order * len(centres)))
    parts = []
    for part in (points if few else copies).split(step):
        cosine = 2 * (part.reshape(-1, 4) @ centre.T).square() - 1
        value = (kernel(cosine) if kernel else rotation_density(cosine, halfwidth)) @ share
        parts.append(value if few else value.reshape(-1, order).sum(-1))
    return torch.cat(parts).to(at)
