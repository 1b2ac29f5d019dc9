"""Wigner functions, and their means over groups of rotations.

With Bunge's angles, D^l_mn(q) = e^(-i m φ1) [Σ_k U_mk U_nk e^(-i k Φ)] e^(-i n φ2), where the
columns of U are the eigenvectors of the angular momentum J_x in the basis of J_z [Bunge1982].
The columns k and -k differ by (-1)^m, apart from a sign that cancels: k >= 0 are enough.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_bunge
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
    turn, k = half_turns(degree)[m + degree], np.arange(degree + 1)
    # Columns k and -k together; even m + n cosines, odd ones sines.
    twice = np.where(k > 0, 2.0, 1.0)
    even, odd = (
        (turn * (twice * part(k * angles[:, 1:2]))[:, None]) @ turn.T for part in (np.cos, np.sin)
    )
    middle = np.where((m[:, None] + m) % 2 == 0, even, -1j * odd)
    left, right = (np.exp(-1j * m * angles[:, i : i + 1]) for i in (0, 2))
    return left[:, :, None] * middle * right[:, None]


def fold_about_z(laue: LaueGroup) -> int:
    """Return the order of the rotation axis along z."""
    return int((laue.rotations[:, 1:3].abs().amax(-1) < 1e-9).sum())


@lru_cache(maxsize=1024)
def invariant_projector(laue: LaueGroup, degree: int) -> NDArray[np.complex128]:
    """Return the mean of D^l over a group, for orders that its axis along z allows."""
    fold = fold_about_z(laue)
    most = degree // fold
    orders = fold * np.arange(-most, most + 1)
    rotations, shares = _double_cosets(laue)
    mean = sum(
        share * wigner_functions(q[None], degree, orders)[0]
        for q, share in zip(rotations, shares, strict=True)
    )
    return np.asarray(mean)


@lru_cache(maxsize=16)
def _double_cosets(laue: LaueGroup) -> tuple[Tensor, tuple[float, ...]]:
    """Return one rotation for all that turns about z make of it, and their shares of the group.

    Turns of the group about z, on either side, do not change D^l_mn of the allowed orders.
    """
    turns = laue.rotations[laue.rotations[:, 1:3].abs().amax(-1) < 1e-9]
    first, share = list[int](), list[float]()
    left = torch.ones(laue.order, dtype=torch.bool)
    for index, q in enumerate(laue.rotations):
        if left[index]:
            made = quaternion_multiply(
                turns[:, None], quaternion_multiply(q[None], turns)[None]
            ).reshape(-1, 4)
            same = ((made @ laue.rotations.T).abs() > 1 - 1e-9).any(0)
            first.append(index)
            share.append(int(same.sum()) / laue.order)
            left &= ~same
    return laue.rotations[first], tuple(share)
