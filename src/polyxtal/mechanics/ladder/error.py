"""Error of a coarse full field: what it is to be expected to differ from that of the fine grid.

A grid of N voxels is a sample of the crystals and of their neighbourhoods. Its mean stress differs
from that of another grid as the means of two samples do, without bias, and less than with voxels at
random because grains, phases and texture are balanced (`coarsen`):

    |e_ij| ~ κ s_ij √(1 / N + 1 / N_fine),   and 0 on the fine grid itself

s_ij is the standard deviation of the stress between grains, volume-weighted, in the coarse field
itself; likewise for the deformation gradient. κ is the same for fcc, bcc and hexagonal metals, for
two phases and for all loads, within its scatter: 0.6 with the weight of 3 degrees of freedom
before a polycrystal is known. The coarser rungs of the ladder, whose errors are independent,
correct it for the polycrystal at hand (Bayes' rule for a normal sample, with a conjugate prior):

    κ² = (ν₀ κ₀² + Σ_pairs mean over t of |R_a - R_b|² / (s² (1/N_a + 1/N_b))) / (ν₀ + pairs)

and the bound is Student's two-sided quantile of 90 % for ν₀ + pairs degrees of freedom times it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy.special import stdtrit
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply, rotation_angle
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.response import loaded_component
from polyxtal.texture.measure import volume_shares

KAPPA, WEIGHT = 0.6, 3.0
"""Prior κ [-], and its weight in degrees of freedom."""
CONFIDENCE = 0.9
"""Probability that a bound holds. [-]"""


class Rung(NamedTuple):
    """A coarse full field.

    Attributes:
        grid: Voxels along x, y, z.
        response: Its response.
        weights: Volume fraction of every grain on its grid. [-]
        seconds: Wall time. [s]
    """

    grid: tuple[int, int, int]
    response: FullFieldResponse
    weights: Float[Tensor, " grains"]
    seconds: float

    @property
    def points(self) -> int:
        """Number of voxels."""
        return math.prod(self.grid)


class ErrorBounds(NamedTuple):
    """Bounds that hold with the probability `CONFIDENCE`, for every number by itself.

    Attributes:
        F: Bound of each component of the mean deformation gradient at every time. [-]
        P: Bound of each component of the mean stress. [MPa]
        kappa: κ of this polycrystal. [-]
    """

    F: Float[Tensor, "increments 3 3"]
    P: Float[Tensor, "increments 3 3"]
    kappa: float


def error_bounds(rungs: Sequence[Rung], fine_points: int) -> ErrorBounds:
    """Return the bounds of the last rung's error.

    Args:
        rungs: Rungs, from coarse to fine, of the same polycrystal and load.
        fine_points: Number of voxels of the polycrystal itself.
    """
    last = rungs[-1]
    kappa, freedom = _kappa(rungs)
    quantile = float(stdtrit(freedom, 0.5 * (1 + CONFIDENCE)))
    differs = last.points < fine_points
    scale = quantile * kappa * math.sqrt(1 / last.points + 1 / fine_points) * differs
    return ErrorBounds(scale * _spread(last, "F"), scale * _spread(last, "P"), kappa)


def rotation_error(rungs: Sequence[Rung], fine_points: int) -> float | None:
    """Return the mean error of the grains' final orientations. [rad]

    The errors of two rungs are independent and fall as N^(-1/2), so that the mean angle between
    them tells that of the last. None if there is one rung only, or no grain in both.

    Args:
        rungs: Rungs, from coarse to fine.
        fine_points: Number of voxels of the polycrystal itself.
    """
    last = rungs[-1]
    if last.points == fine_points:
        return 0.0
    if len(rungs) < 2:
        return None
    before = rungs[-2]
    q, p = last.response.orientations, before.response.orientations
    both = (last.weights > 0) & (before.weights > 0)
    if q is None or p is None or not bool(both.any()):
        return None
    between = rotation_angle(quaternion_multiply(quaternion_conjugate(p[-1]), q[-1]))
    share = volume_shares(q[-1], torch.where(both, last.weights, 0.0))
    ratio = math.sqrt(before.points / last.points)
    return float(share @ between) * ratio / math.sqrt(1 + ratio**2)


def _kappa(rungs: Sequence[Rung]) -> tuple[float, float]:
    """Return κ and its degrees of freedom, from the loaded component of successive rungs."""
    total = WEIGHT * KAPPA**2
    i, j = loaded_component(rungs[-1].response)
    for a, b in pairwise(rungs):
        change = (a.response.P - b.response.P)[1:, i, j]
        spread = _spread(b, "P")[1:, i, j]
        known = spread > 1e-9 * float(spread.max())
        if known.any():
            ratio = (change[known] / spread[known]) ** 2
            total += float(ratio.mean()) / (1 / a.points + 1 / b.points)
    freedom = WEIGHT + len(rungs) - 1
    return math.sqrt(total / freedom), freedom


def _spread(rung: Rung, name: str) -> Float[Tensor, "increments 3 3"]:
    """Return the standard deviation between grains."""
    grains = getattr(rung.response, f"grain_{name}")
    mean = getattr(rung.response, name)
    squared = ((grains - mean[:, None]) ** 2 * rung.weights[:, None, None]).sum(1)
    return squared.sqrt()
