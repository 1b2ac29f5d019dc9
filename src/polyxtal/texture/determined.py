"""Up to which degree pole figures determine the even part of an ODF."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.special import eval_legendre

from polyxtal.algebra.rotation import quaternion_to_matrix, rotation_angle
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.pole_figure import PoleFigure

_HIGHEST = 34
_RANK = 1e-6


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


def require_determined(figures: Sequence[PoleFigure], degree: int) -> None:
    """Check that figures determine an ODF up to a degree.

    Raises:
        ValueError: if they do not.
    """
    reached = determined_degree(figures)
    if reached < degree:
        needed = max(invariants(figures[0].laue, even) for even in range(2, degree + 1, 2))
        raise ValueError(
            f"Pole figures must determine the ODF to degree {degree}, which takes "
            f"{needed} independent {'reflection' if needed == 1 else 'reflections'} of Laue group "
            f"{figures[0].laue.name}, but {', '.join(figure.name for figure in figures)} determine "
            f"it to degree {reached}."
        )
