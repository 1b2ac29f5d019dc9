"""Cubic harmonics: smooth coordinates of a crystal that know neither symmetry copies nor sign."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from torch import Tensor, stack

from polyxtal.algebra.rotation import quaternion_to_matrix

DEGREES = (4, 6, 8, 10)
"""Degrees with one cubic invariant of the m3m crystal; 2, 3, 5 and 7 have none. [Bunge1982]"""


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
        degree: l: 4, 6, 8 or 10.
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


def surface_harmonics(
    direction: Float[Tensor, "*batch 3"], degree: int
) -> Float[Tensor, "*batch terms"]:
    """Evaluate the real harmonics of one degree, scaled to Σ_m Y_m(a) Y_m(b) = P_l(a · b).

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
    """Coefficients of √((2 - δ_m0) (l-m)!/(l+m)!) d^m P_l/dz^m, highest power first."""
    legendre = np.polynomial.Legendre.basis(degree).convert(kind=np.polynomial.Polynomial)
    rows = []
    for m in range(degree + 1):
        scale = math.factorial(degree - m) / math.factorial(degree + m) * (2 if m else 1)
        derivative = legendre.deriv(m) if m else legendre
        rows.append([float(c) * math.sqrt(scale) for c in derivative.coef[::-1]])
    return rows
