"""Error of a coarse full field: what it is to be expected to differ from that of the fine grid.

A grid of N voxels is a sample of the crystals and of their neighbourhoods. Its mean stress differs
from that of another grid as the means of two samples do, taken as without bias, and less than with
voxels at random because grains, phases and texture are balanced (`coarsen`):

    |e_ij| ~ κ √(s_ij² + q_ij²) √(1 / N + 1 / N_fine),   and 0 on the fine grid itself

s_ij is the standard deviation of the stress between grains, volume-weighted, in the coarse field
itself; q_ij that of Σ E ΔF_ij, the stress that a grain's deformation would cost the polycrystal,
with E = |ΔP / ΔF| of the loaded component in each increment, at most that of the first. It counts
where grains lie in series, so that they share the stress. Where the load prescribes the stress, its
error is 0, that of the loaded deformation is 1 / E times as large, and that of other free ones
κ d_ij √(…), with the standard deviation d_ij of the deformation gradient.

κ is 0.38 for every crystal and load, and 0.65 where coarse voxels are long or flat as the grains
are, with the weight of 3 degrees of freedom before a polycrystal is known. With several phases it
is 0.19 N^(1/6), so that the error falls as the edge of a voxel does: that of the boundaries between
phases prevails. `benchmarks/ladder.py calibration` measures what that is worth. The coarser
rungs of the ladder, whose errors are independent, correct it for the polycrystal at hand (Bayes'
rule for a normal sample, with a conjugate prior):

    κ² = (ν₀ κ₀² + Σ_pairs mean over t of |R_a - R_b|² / (S² (1/N_a + 1/N_b))) / (ν₀ + pairs)

with the loaded component's result R and its scale S as above. The bound is Student's two-sided
quantile of 90 % for ν₀ + pairs degrees of freedom times it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from scipy.special import stdtrit
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply, rotation_angle
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.ladder.grids import LONG
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import loaded_component
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import volume_shares

KAPPA, KAPPA_PHASES, KAPPA_LONG, WEIGHT = 0.38, 0.19, 0.65, 3.0
"""Prior κ of one phase, of several over N^(1/6), and of long or flat voxels [-]; its degrees of
freedom."""
KAPPA_HARDENING, KAPPA_WIDENING = 1.6, 3.1
"""κ of the hardening modulus and of the r-value, over that of the stress. [-]"""
CONFIDENCE = 0.9
"""Probability that a bound holds. [-]"""
SMALLEST = 1e-9
"""Smallest result, in MPa or strain, whose relative error means anything."""


class Rung(NamedTuple):
    """A coarse full field.

    Attributes:
        coarse: The polycrystal on its grid.
        response: Its response.
        seconds: Wall time. [s]
    """

    coarse: Polycrystal
    response: FullFieldResponse
    seconds: float

    @property
    def points(self) -> int:
        """Number of voxels."""
        return math.prod(self.coarse.grid)


class ErrorBounds(NamedTuple):
    """Bounds that hold with the probability `CONFIDENCE`, for every number by itself.

    Attributes:
        F: Bound of each component of the mean deformation gradient at every time. [-]
        P: Bound of each component of the mean stress. [MPa]
        kappa: κ of this polycrystal. [-]
        factor: Bound of a mean over its deviation between grains. [-]
    """

    F: Float[Tensor, "increments 3 3"]
    P: Float[Tensor, "increments 3 3"]
    kappa: float
    factor: float = 0.0


def stress_controlled(path: LoadPath) -> Bool[Tensor, "increments 3 3"]:
    """Return where the load prescribes the stress, at every time; row 0 is that of the start."""
    masks = [torch.from_numpy(step.stress_controlled) for step in path.steps]
    rows = [
        mask for mask, step in zip(masks, path.steps, strict=True) for _ in range(step.increments)
    ]
    return torch.stack([rows[0], *rows])


def error_bounds(
    rungs: Sequence[Rung], fine_points: int, controlled: Bool[Tensor, "increments 3 3"]
) -> ErrorBounds:
    """Return the bounds of the last rung's error.

    Args:
        rungs: Rungs, from coarse to fine, of the same polycrystal and load.
        fine_points: Number of voxels of the polycrystal itself.
        controlled: See `stress_controlled`.
    """
    last = rungs[-1]
    kappa, freedom = _kappa(rungs, controlled)
    quantile = float(stdtrit(freedom, 0.5 * (1 + CONFIDENCE)))
    differs = last.points < fine_points
    scale = quantile * kappa * math.sqrt(1 / last.points + 1 / fine_points) * differs
    strain, stress = _scales(last, controlled)
    return ErrorBounds(scale * strain, scale * stress, kappa, scale)


def relative_error(
    response: FullFieldResponse, bounds: ErrorBounds, controlled: Bool[Tensor, "increments 3 3"]
) -> float:
    """Return the largest bound of the loaded component's result over its largest magnitude. [-]"""
    i, j = loaded_component(response)
    bound, value = bounds.P, response.P
    if _by_stress(response, controlled):
        bound, value = bounds.F, response.engineering_strain
    largest = float(value[:, i, j].abs().max())
    return float(bound[:, i, j].max()) / largest if largest > SMALLEST else 0.0


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
    shares = [rung.coarse.volume_fractions for rung in (before, last)]
    both = (shares[0] > 0) & (shares[1] > 0)
    if q is None or p is None or not bool(both.any()):
        return None
    between = rotation_angle(quaternion_multiply(quaternion_conjugate(p[-1]), q[-1]))
    share = volume_shares(q[-1], torch.where(both, shares[1], 0.0))
    ratio = math.sqrt(before.points / last.points)
    return float(share @ between) * ratio / math.sqrt(1 + ratio**2)


def _by_stress(response: FullFieldResponse, controlled: Bool[Tensor, "increments 3 3"]) -> bool:
    """Return whether the load prescribes the stress of the loaded component most of the time."""
    i, j = loaded_component(response)
    return bool(controlled[1:, i, j].double().mean() > 0.5)


def _kappa(
    rungs: Sequence[Rung], controlled: Bool[Tensor, "increments 3 3"]
) -> tuple[float, float]:
    """Return κ and its degrees of freedom, from the loaded component of successive rungs."""
    total = WEIGHT * _prior(rungs[-1].coarse) ** 2
    last = rungs[-1].response
    i, j = loaded_component(last)
    name = "F" if _by_stress(last, controlled) else "P"
    free = controlled[1:, i, j] == (name == "F")
    for a, b in pairwise(rungs):
        change = (getattr(a.response, name) - getattr(b.response, name))[1:, i, j]
        scale = _scales(b, controlled)[0 if name == "F" else 1][1:, i, j]
        known = free & (scale > 1e-9 * float(scale.max()))
        if known.any():
            ratio = (change[known] / scale[known]) ** 2
            total += float(ratio.mean()) / (1 / a.points + 1 / b.points)
    freedom = WEIGHT + len(rungs) - 1
    return math.sqrt(total / freedom), freedom


def _prior(coarse: Polycrystal) -> float:
    """Return κ before the polycrystal is known."""
    several = len(coarse.phase[coarse.volume_fractions > 0].unique()) > 1
    long = max(coarse.spacing) > LONG * min(coarse.spacing)
    one = KAPPA_LONG if long else KAPPA
    return max(one, KAPPA_PHASES * math.prod(coarse.grid) ** (1 / 6)) if several else one


def _scales(
    rung: Rung, controlled: Bool[Tensor, "increments 3 3"]
) -> tuple[Float[Tensor, "increments 3 3"], Float[Tensor, "increments 3 3"]]:
    """Return the scales of the errors of F and P, see the module."""
    strain, stress, cost, modulus = grain_histories(rung.response)
    i, j = loaded_component(rung.response)
    both = torch.hypot(deviation(stress, rung.coarse), deviation(cost, rung.coarse))
    free = torch.where(controlled, deviation(strain, rung.coarse), 0.0)
    free[:, i, j] = torch.where(controlled[:, i, j], both[:, i, j] / modulus, 0.0)
    return free, torch.where(controlled, 0.0, both)


def grain_histories(
    response: FullFieldResponse,
) -> tuple[
    Float[Tensor, "increments grains 3 3"],
    Float[Tensor, "increments grains 3 3"],
    Float[Tensor, "increments grains 3 3"],
    Float[Tensor, " increments"],
]:
    """Return deviations of the grains from the mean, and the modulus of every increment.

    Returns:
        Those of the deformation gradient [-] and of the stress [MPa], Σ E ΔF [MPa], and E [MPa].
    """
    i, j = loaded_component(response)
    change = response.F.diff(dim=0)[:, i, j].abs().clamp_min(1e-12)
    modulus = (response.P.diff(dim=0)[:, i, j].abs() / change).clamp_min(1e-6)
    modulus = torch.cat([modulus[:1], modulus]).clamp_max(float(modulus[0]))
    assert response.grain_F is not None
    assert response.grain_P is not None
    strain = response.grain_F - response.F[:, None]
    steps = torch.cat([torch.zeros_like(strain[:1]), strain.diff(dim=0)])
    cost = (modulus[:, None, None, None] * steps).cumsum(0)
    return strain, response.grain_P - response.P[:, None], cost, modulus


def deviation(
    differences: Float[Tensor, "*increments grains"] | Float[Tensor, "increments grains 3 3"],
    coarse: Polycrystal,
) -> Float[Tensor, "*left"]:
    """Return the volume-weighted rms over the grains on a coarse grid."""
    weights = coarse.volume_fractions
    if differences.ndim == 4:
        return torch.einsum("ngij,g->nij", differences**2, weights).sqrt()
    return (differences**2 @ weights).sqrt()
