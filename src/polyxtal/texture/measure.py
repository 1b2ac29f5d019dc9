"""Measures of texture: the l = 4 harmonics, their strength, and mean disorientation.

The lowest harmonics of a cubic texture are the nine of degree l = 4. They alone enter the Voigt
and the Reuss average of a cubic elastic crystal [Bunge1982, Sec. 13.2].
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.symmetry import disorientation

# Σ_kk' P_4(r_k · r_k') = 3 + 6 · 3/8 = 21/4 for three perpendicular axes (addition theorem).
_CRYSTAL_NORM = (21.0 / 4.0) ** 0.5


def _surface_harmonics_l4(direction: Tensor) -> Tensor:
    """Evaluate the nine real l = 4 harmonics, scaled to Σ_m Y_m(a) Y_m(b) = P_4(a · b)."""
    x, y, z = direction.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    return torch.stack(
        [
            35**0.5 / 2 * x * y * (xx - yy),
            17.5**0.5 / 2 * y * z * (3 * xx - yy),
            5**0.5 / 2 * x * y * (7 * zz - 1),
            2.5**0.5 / 2 * y * z * (7 * zz - 3),
            (35 * zz * zz - 30 * zz + 3) / 8,
            2.5**0.5 / 2 * x * z * (7 * zz - 3),
            5**0.5 / 4 * (xx - yy) * (7 * zz - 1),
            17.5**0.5 / 2 * x * z * (xx - 3 * yy),
            35**0.5 / 8 * (xx * xx - 6 * xx * yy + yy * yy),
        ],
        dim=-1,
    )


def cubic_harmonics_l4(orientations: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 9"]:
    """Map each cubic crystal to a unit vector that knows neither symmetry copies nor sign.

        h_m(q) = (2/√21) Σ_k Y_4m(r_k),   r_k = R(q) e_k

    These are the coefficients of the traceless part of Σ_k r_k⊗r_k⊗r_k⊗r_k (scaled by √(5/6))
    in an orthonormal basis, so a sample rotation turns h by an orthogonal 9x9 matrix and
    distances between crystals do not depend on the sample frame. Smooth in q.

    Args:
        orientations: Unit quaternions, v_sample = R(q) v_crystal. [-]
    Returns:
        Coefficients m = -4 ... 4, of norm 1. [-]
    Raises:
        ValueError: if the last axis is not 4.
    """
    axes = quaternion_to_matrix(orientations).mT
    return _surface_harmonics_l4(axes).sum(-2) / _CRYSTAL_NORM


def volume_shares(
    orientations: Float[Tensor, "grains 4"], weights: Float[Tensor, " grains"] | None = None
) -> Float[Tensor, " grains"]:
    """Scale weights to sum to 1.

    Args:
        orientations: One orientation for each weight. [-]
        weights: Volume of each crystal in any unit; equal if None.
    Returns:
        Shares in the orientations' precision. [-]
    Raises:
        ValueError: if the weights are negative, all zero, or of another length.
    """
    count = len(orientations)
    if weights is None:
        return orientations.new_full((count,), 1.0 / count)
    if tuple(weights.shape) != (count,):
        raise ValueError(
            f"Argument `weights` must hold one weight per orientation, shape ({count},), "
            f"but has shape {tuple(weights.shape)}."
        )
    total = weights.sum()
    if not (weights >= 0).all() or not total > 0:
        raise ValueError(
            "Argument `weights` must be non-negative with a positive sum, "
            f"but spans {float(weights.min()):g} to {float(weights.max()):g}."
        )
    return (weights / total).to(orientations)


def texture_coefficients_l4(
    orientations: Float[Tensor, "grains 4"], weights: Float[Tensor, " grains"] | None = None
) -> Float[Tensor, " 9"]:
    """Average the l = 4 harmonics over crystals.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; equal if None.
    Returns:
        Mean of `cubic_harmonics_l4`. [-]
    Raises:
        ValueError: if the weights are negative, all zero, or of another length.
    """
    share = volume_shares(orientations, weights)
    return share @ cubic_harmonics_l4(orientations)


def texture_strength(
    orientations: Float[Tensor, "grains 4"], weights: Float[Tensor, " grains"] | None = None
) -> Float[Tensor, ""]:
    """Measure how far a texture is from random: the norm of its mean l = 4 harmonic.

    About N^(-1/2) for N random crystals, 1 for a single crystal. A texture whose anisotropy
    starts above l = 4 also gives 0: elasticity cannot tell it from a random one.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; equal if None.
    Returns:
        Strength between 0 and 1. [-]
    Raises:
        ValueError: if the weights are negative, all zero, or of another length.
    """
    return torch.linalg.vector_norm(texture_coefficients_l4(orientations, weights))


def mean_disorientation(
    orientations_a: Float[Tensor, "grains 4"],
    orientations_b: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
) -> Float[Tensor, ""]:
    """Average the disorientation of crystal pairs, as of predicted and measured textures.

    Args:
        orientations_a: Unit quaternions. [-]
        orientations_b: Unit quaternions, paired with the first. [-]
        weights: Volume of each crystal in any unit; equal if None.
    Returns:
        Mean disorientation. [rad]
    Raises:
        ValueError: if the shapes differ, or the weights are negative or all zero.
    """
    if orientations_a.shape != orientations_b.shape:
        raise ValueError(
            "Arguments `orientations_a` and `orientations_b` must have one shape, "
            f"but have {tuple(orientations_a.shape)} and {tuple(orientations_b.shape)}."
        )
    share = volume_shares(orientations_a, weights)
    return share @ disorientation(orientations_a, orientations_b)
