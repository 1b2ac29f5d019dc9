"""Symmetrised harmonics: smooth coordinates of a crystal, invariant under its symmetry and sign."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from torch import Tensor, linalg, stack, tensor, zeros
from torch import float64 as double

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.laue import LaueGroup

DEGREES = (4, 6, 8, 10)
"""Degrees with one invariant of m-3m; 2, 3, 5 and 7 have none. [Bunge1982]"""


def cubic_harmonics(
    orientations: Float[Tensor, "*batch 4"], degree: int = 4
) -> Float[Tensor, "*batch terms"]:
    """Map each cubic crystal to a unit vector of 2 l + 1 components.

        h_m(q) = Σ_k Y_lm(r_k) / √(3 + 6 P_l(0)),   r_k = R(q) e_k

    Σ_m Y_lm(a) Y_lm(b) = P_l(a · b) scales the real surface harmonics. A sample rotation turns h
    by an orthogonal matrix, so distances between crystals do not depend on the sample frame.
    Those of degree 4 are the traceless part of Σ_k r_k⊗r_k⊗r_k⊗r_k in an orthonormal basis; they
    alone enter the Voigt and the Reuss average of a cubic elastic crystal [Bunge1982, Sec. 13.2].
    Smooth in q.

    Args:
        orientations: Unit quaternions, v_sample = R(q) v_crystal. [-]
        degree: Degree l: 4, 6, 8 or 10.
    Returns:
        Coefficients m = -l ... l, of norm 1. [-]
    Raises:
        ValueError: if the last axis is not 4, or the degree is another.
    """
    if degree not in DEGREES:
        raise ValueError(f"Argument `degree` must be one of {DEGREES}, but is {degree}.")
    axes = quaternion_to_matrix(orientations).mT
    # Three perpendicular axes: Σ_kk' P_l(r_k · r_k') = 3 + 6 P_l(0) by the addition theorem.
    norm = math.sqrt(3 + 6 * float(np.polynomial.Legendre.basis(degree)(0.0)))
    return surface_harmonics(axes, degree).sum(-2) / norm


INDEPENDENT = 1e-6
"""Smallest component of an invariant normal to those before it. [-]"""
_AXES = (
    (0.0, 0.0, 1.0),
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (1.0, 1.0, 0.0),
    (0.6, 0.0, 0.8),
    (0.0, 0.6, 0.8),
    *((math.cos(k) * 0.9 + 0.05 * k, math.sin(2 * k), 0.3 + 0.1 * k) for k in range(1, 20)),
)
"""Directions whose orbits generate invariants, simple ones first. [-]"""


def harmonic_degrees(laue: LaueGroup) -> tuple[int, ...]:
    """Return the lowest degrees whose invariants distinguish all orientations of a crystal."""
    return {"m-3m": (4,), "m-3": (4, 6)}.get(laue.name, (2, 4, 6))


def symmetric_harmonics(
    orientations: Float[Tensor, "*batch 4"], degree: int, laue: LaueGroup
) -> Float[Tensor, "*batch terms"]:
    """Map each crystal to one unit vector of 2 l + 1 components for each invariant of its group.

        h_μm(q) = Σ_j c_μj Σ_s Y_lm(R(q) s a_j)

    The sums over the group's rotations s of a few directions a_j span all functions of a
    direction that are invariant under the group [Bunge1982, Sec. 14]; the c_μj make them
    orthonormal. Even degrees only: odd ones do not enter what has an inversion centre. For m-3m
    and degrees 4 to 10 this is `cubic_harmonics`.

    Args:
        orientations: Unit quaternions, v_sample = R(q) v_crystal. [-]
        degree: Degree l, even and at least 2.
        laue: Laue group.
    Returns:
        Coefficients, m = -l ... l for each invariant, one after the other. [-]
    Raises:
        ValueError: if the degree is odd or too small.
    """
    if degree < 2 or degree % 2:
        raise ValueError(f"Argument `degree` must be even and at least 2, but is {degree}.")
    if laue.name == "m-3m" and degree in DEGREES:
        return cubic_harmonics(orientations, degree)
    axes, weights = _invariants(laue, degree)  # (orbits, order, 3), (invariants, orbits)
    if not len(weights):
        return orientations.new_zeros(*orientations.shape[:-1], 0)
    rotation = quaternion_to_matrix(orientations)
    turned = (rotation[..., None, None, :, :] @ axes.to(orientations)[..., None]).squeeze(-1)
    orbits = surface_harmonics(turned, degree).sum(-2)
    return (weights.to(orientations) @ orbits).flatten(-2)


@lru_cache(maxsize=64)
def _invariants(laue: LaueGroup, degree: int) -> tuple[Tensor, Tensor]:
    """Choose directions with independent orbits, and the weights of orthonormal invariants."""
    rotations = quaternion_to_matrix(laue.rotations)
    chosen: list[Tensor] = []
    rows: list[Tensor] = []
    for axis in _AXES:
        direction = tensor(axis, dtype=double)
        orbit = (rotations @ (direction / direction.norm())[:, None]).squeeze(-1)
        vector = surface_harmonics(orbit, degree).sum(0)
        rest = vector / laue.order
        for row in rows:  # Gram and Schmidt
            rest = rest - (rest @ row) * row
        if float(rest.norm()) > INDEPENDENT:
            rows.append(rest / rest.norm())
            chosen.append(orbit)
    if not rows:
        return zeros(0, laue.order, 3, dtype=double), zeros(0, 0, dtype=double)
    orbits = stack([surface_harmonics(orbit, degree).sum(0) for orbit in chosen])
    weights = linalg.solve((orbits @ orbits.mT).mT, (stack(rows) @ orbits.mT).mT).mT
    return stack(chosen), weights


def surface_harmonics(
    direction: Float[Tensor, "*batch 3"], degree: int
) -> Float[Tensor, "*batch terms"]:
    """Return the real surface harmonics of one degree, scaled to Σ_m Y_m(a) Y_m(b) = P_l(a · b).

    Y_m ∝ d^m P_l/dz^m times the real (m > 0) or imaginary (m < 0) part of (x + iy)^|m|.
    """
    x, y, z = direction.unbind(-1)
    terms: dict[int, Tensor] = {}
    real, imaginary = x * 0 + 1, x * 0
    for m, coefficients in enumerate(_legendre_derivatives(degree)):
        polynomial = x * 0
        for coefficient in coefficients:  # Horner's rule, highest power first
            polynomial = polynomial * z + coefficient
        terms[m] = polynomial * real
        if m:
            terms[-m] = polynomial * imaginary
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
    return stack([terms[m] for m in range(-degree, degree + 1)], dim=-1)


@lru_cache(maxsize=8)
def _legendre_derivatives(degree: int) -> list[list[float]]:
    """Return the coefficients of √((2 - δ_m0) (l-m)!/(l+m)!) d^m P_l/dz^m, highest power first."""
    legendre = np.polynomial.Legendre.basis(degree).convert(kind=np.polynomial.Polynomial)
    rows = []
    for m in range(degree + 1):
        scale = math.factorial(degree - m) / math.factorial(degree + m) * (2 if m else 1)
        derivative = legendre.deriv(m) if m else legendre
        rows.append([float(c) * math.sqrt(scale) for c in derivative.coef[::-1]])
    return rows
