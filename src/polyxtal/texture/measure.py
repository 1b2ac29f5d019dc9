"""Measures of weighted orientations: mean harmonics, strength, and mean disorientation."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics


def volume_shares(
    orientations: Float[Tensor, "grains 4"], weights: Float[Tensor, " grains"] | None = None
) -> Float[Tensor, " grains"]:
    """Return weights scaled to sum to 1.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit (default: equal).
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
    if not (weights >= 0).all() or not 0 < float(total) < math.inf:
        raise ValueError(
            "Argument `weights` must be non-negative with a positive sum that is finite, "
            f"but spans {float(weights.min()):g} to {float(weights.max()):g}."
        )
    return (weights / total).to(orientations)


def texture_coefficients(
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    degree: int = 4,
    laue: LaueGroup = CUBIC,
) -> Float[Tensor, " terms"]:
    """Return the mean symmetrised harmonics of one degree.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit (default: equal).
        degree: Degree l, even and at least 2.
        laue: Laue group of the crystals.
    Returns:
        Mean of `symmetric_harmonics`, 2 l + 1 numbers for each invariant. [-]
    Raises:
        ValueError: if the weights are negative, all zero, or of another length.
    """
    share = volume_shares(orientations, weights)
    return share @ symmetric_harmonics(orientations, degree, laue)


def texture_strength(
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    laue: LaueGroup = CUBIC,
) -> Float[Tensor, ""]:
    """Return the texture strength: the rms norm of the lowest mean harmonics.

    Degree 4 for cubic crystals, those of `harmonic_degrees` for others. About N^(-1/2) for N random
    crystals, 1 for a single crystal. A cubic texture whose anisotropy starts above l = 4 also
    gives 0: elasticity cannot distinguish it from a random one.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit (default: equal).
        laue: Laue group of the crystals.
    Returns:
        Strength between 0 and 1. [-]
    Raises:
        ValueError: if the weights are negative, all zero, or of another length.
    """
    degrees = harmonic_degrees(laue)
    parts = [texture_coefficients(orientations, weights, degree, laue) for degree in degrees]
    sizes = zip(parts, degrees, strict=True)
    vectors = sum(len(part) // (2 * degree + 1) for part, degree in sizes)
    return torch.linalg.vector_norm(torch.cat(parts)) / vectors**0.5


def mean_disorientation(
    orientations_a: Float[Tensor, "grains 4"],
    orientations_b: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    laue: LaueGroup = CUBIC,
) -> Float[Tensor, ""]:
    """Return the mean disorientation of pairs of crystals, such as predicted and measured ones.

    Args:
        orientations_a: Unit quaternions. [-]
        orientations_b: Unit quaternions, one for each of the first. [-]
        weights: Volume of each crystal in any unit (default: equal).
        laue: Laue group of the crystals.
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
    return share @ laue.disorientation(orientations_a, orientations_b)
