"""Up to which degree pole figures determine the even part of an ODF."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.special import eval_legendre

from polyxtal.algebra.rotation import quaternion_to_matrix, rotation_angle
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.pole_figure import PoleFigure

_HIGHEST = 34
_RANK = 1e-6
LEAST_COVERED = 0.3
"""Smallest share of the hemisphere that figures must cover: that up to a tilt of 45 degrees. [-]"""
_DIRECTIONS, _NEAR, _AT_ONCE = 500, math.radians(10), 10_000
"""Directions that coverage is measured by, how near one must be, and directions at a time."""


def invariants(laue: LaueGroup, degree: int) -> int:
    """Return the number of surface harmonics of a degree that a Laue group leaves unchanged.

    The mean over the group of the character sin((2l+1) ω/2) / sin(ω/2).
    """
    half = 0.5 * rotation_angle(laue.rotations)
    character = torch.where(
        half < 1e-9, 2.0 * degree + 1, torch.sin((2 * degree + 1) * half) / torch.sin(half)
    )
    return round(float(character.mean()))


def determined_degree(figures: Sequence[PoleFigure]) -> int:
    """Return the largest even degree to which complete figures determine the ODF's coefficients.

    At degree l the figures determine them if the invariant harmonics at their poles have as many
    independent values as there are invariant harmonics [Bunge1982, ch. 4.2]. The rank is that of
    G_ij = mean_s Σ_kn w_ik w_jn P_l(h_ik · s h_jn). Non-negativity determines more in practice.
    """
    laue = figures[0].laue
    rotations = quaternion_to_matrix(laue.rotations)
    poles = torch.cat([figure.poles for figure in figures])
    shares = torch.block_diag(*[figure.shares[None] for figure in figures])
    cosine = torch.einsum("ai,sij,bj->sab", poles, rotations, poles)
    for degree in range(2, _HIGHEST + 1, 2):
        legendre = torch.from_numpy(eval_legendre(degree, cosine.numpy())).mean(0)
        values = torch.linalg.eigvalsh(shares @ legendre @ shares.T)
        needed = invariants(laue, degree)
        if int((values > _RANK * max(1.0, float(values.max()))).sum()) < needed:
            return degree - 2
    return _HIGHEST


def covered_share(figures: Sequence[PoleFigure], sample: LaueGroup) -> float:
    """Return the share of the hemisphere that lies near a direction of some figure. [-]

    Args:
        figures: Pole figures; a direction and its opposite are one.
        sample: Group of the sample's symmetry, whose equivalents count.
    """
    k = torch.arange(_DIRECTIONS, dtype=torch.float64) + 0.5  # a spiral of equal areas
    z, turn = 1 - k / _DIRECTIONS, math.pi * (1 + math.sqrt(5)) * k
    radius = (1 - z * z).sqrt()
    sphere = torch.stack([radius * turn.cos(), radius * turn.sin(), z], -1)
    rotations = quaternion_to_matrix(sample.rotations)
    near = torch.zeros(_DIRECTIONS, dtype=torch.bool)
    for figure in figures:
        for rotation in rotations:
            for part in (figure.directions @ rotation.mT).split(_AT_ONCE):
                near |= (sphere @ part.mT).abs().amax(1) > math.cos(_NEAR)
    return float(near.double().mean())


def require_determined(figures: Sequence[PoleFigure], degree: int, sample: LaueGroup) -> None:
    """Check that figures determine an ODF up to a degree.

    Args:
        figures: Pole figures of one lattice.
        degree: Even degree.
        sample: Group of the sample's symmetry.
    Raises:
        ValueError: if their reflections do not, or too few directions were measured.
    """
    share = covered_share(figures, sample)
    if share < LEAST_COVERED:
        raise ValueError(
            f"Pole figures must cover at least {100 * LEAST_COVERED:g} % of the hemisphere "
            f"together, but {', '.join(figure.name for figure in figures)} cover "
            f"{100 * share:.2g} %."
        )
    reached = determined_degree(figures)
    if reached < degree:
        needed = max(invariants(figures[0].laue, even) for even in range(2, degree + 1, 2))
        raise ValueError(
            f"Pole figures must determine the ODF to degree {degree}, which takes "
            f"{needed} independent {'reflection' if needed == 1 else 'reflections'} of Laue group "
            f"{figures[0].laue.name}, but {', '.join(figure.name for figure in figures)} determine "
            f"it to degree {reached}."
        )
