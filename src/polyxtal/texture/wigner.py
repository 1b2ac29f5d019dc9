"""Wigner functions, and their means over groups of rotations.

With Bunge's angles, D^l_mn(q) = e^(-i m φ1) [Σ_k U_mk U_nk e^(-i k Φ)] e^(-i n φ2), where the
columns of U are the eigenvectors of the angular momentum J_x in the basis of J_z [Bunge1982].
The columns k and -k differ by (-1)^m, apart from a sign that cancels: k >= 0 are enough.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.crystal.laue import LaueGroup


@lru_cache(maxsize=256)
def half_turns(degree: int) -> NDArray[np.float64]:
    """Return the eigenvectors U of J_x for k = 0 to l, (2l+1, l+1)."""
    m = np.arange(-degree, degree)
    beside = 0.5 * np.sqrt(degree * (degree + 1) - m * (m + 1))
    _, vectors = eigh_tridiagonal(np.zeros(2 * degree + 1), beside)
    return np.ascontiguousarray(vectors[:, degree:])


def wigner_functions(
    orientations: Float[Tensor, "n 4"], degree: int, orders: NDArray[np.int64] | None = None
) -> NDArray[np.complex128]:
    """Return D^l_mn(q), (n, orders, orders).

    Args:
        orientations: Unit quaternions. [-]
        degree: Degree l.
        orders: The m and n wanted (default: -l to l).
    """
    m = np.arange(-degree, degree + 1) if orders is None else orders
    angles = quaternion_to_bunge(orientations).numpy()
    left, right = (np.exp(-1j * m * angles[:, i : i + 1]) for i in (0, 2))
    return left[:, :, None] * _tilted(angles[:, 1], degree, m) * right[:, None]


def _tilted(tilt: NDArray[np.float64], degree: int, m: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Return D^l_mn of rotations by Φ about x, (n, orders, orders)."""
    turn, k = half_turns(degree)[m + degree], np.arange(degree + 1)
    # Columns k and -k together; even m + n cosines, odd ones sines.
    twice = np.where(k > 0, 2.0, 1.0)
    even, odd = (
        (turn * (twice * part(k * tilt[:, None]))[:, None]) @ turn.T for part in (np.cos, np.sin)
    )
    return np.where((m[:, None] + m) % 2 == 0, even, -1j * odd)


def fold_about_z(laue: LaueGroup) -> int:
    """Return the order of the rotation axis along z."""
    return int((laue.rotations[:, 1:3].abs().amax(-1) < 1e-9).sum())


@lru_cache(maxsize=1024)
def invariant_projector(laue: LaueGroup, degree: int) -> NDArray[np.complex128]:
    """Return the mean of D^l over a group, for orders that its axis along z allows."""
    fold = fold_about_z(laue)
    most = degree // fold
    orders = fold * np.arange(-most, most + 1)
    # Those of one Φ, of which a group has three at most, differ in phases only.
    angles = quaternion_to_bunge(laue.rotations).numpy()
    tilts, first, which = np.unique(angles[:, 1].round(9), return_index=True, return_inverse=True)
    left, right = (np.exp(-1j * orders * angles[:, i : i + 1]) for i in (0, 2))
    phases = np.stack([left[which == i].T @ right[which == i] for i in range(len(tilts))])
    return (_tilted(angles[first, 1], degree, orders) * phases).sum(0) / len(angles)
