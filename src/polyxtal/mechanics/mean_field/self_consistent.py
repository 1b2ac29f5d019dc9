"""Kröner's self-consistent average: each grain sits in a medium that is the polycrystal itself.

With the medium's constraint C* = P⁻¹ - C around an ellipsoid [Hill1965, Kroener1958]

    C = [Σ_g f_g (C_g + C*)⁻¹]⁻¹ - C*

C* = 0 gives Reuss's average, an infinite C* Voigt's; in between C rises with C* in the sense of
quadratic forms, so every C* >= 0 gives a C between the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.mechanics.bounds.averages import ElasticAverages
from polyxtal.mechanics.bounds.clamp import clamp_between
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.mean_field.pair_correlation import arrangement_term, scattering
from polyxtal.mechanics.mean_field.polarization import ORDER, polarization_tensor
from polyxtal.microstructure.mean_intercept import mean_intercepts
from polyxtal.microstructure.polycrystal import Polycrystal

TOLERANCE, MAX_ITERATIONS = 1e-10, 500
MAX_ASPECT = 20.0
"""Longest extent over the geometric mean, and the inverse for the shortest; what directions on a
sphere still resolve."""
FINE, FINEST, SHORT = 24, 48, 4.0
"""Orders of directions for grains whose extents differ by up to a factor `SHORT`, and beyond."""


def self_consistent_average(
    rve: Polycrystal,
    elasticity: Elasticity | Mapping[str, Elasticity],
    extents: Float[Tensor, "3"] | None = None,
    arrangement: bool = False,
) -> Float[Tensor, "6 6"]:
    """Average by Kröner's self-consistent scheme, anisotropic, with ellipsoidal grains.

    It knows how far grains extend, not which are neighbours. The term of pairs adds that, see
    `mechanics.arrangement`; the sum is kept between Reuss's and Voigt's average.

    Args:
        rve: Polycrystal.
        elasticity: One crystal for all grains, or one for each phase name.
        extents: Of the grains along x, y, z, any unit; None measures them, see `grain_extents`.
        arrangement: Add the term of pairs; it takes one transform of the grid.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ConvergenceError: if the contrast is so large that the iteration does not settle.
        ValueError: if a phase is missing from `elasticity` or an extent is not positive.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> stiffness = px.self_consistent_average(rve, copper)
        >>> round(px.engineering_constants(stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        122.5
    """
    if extents is None:
        extents = grain_extents(rve)
    elif tuple(extents.shape) != (3,) or not bool((extents > 0).all() & extents.isfinite().all()):
        raise ValueError(
            f"Argument `extents` must be three positive numbers, but is {extents.tolist()}."
        )
    grains = stiffness_per_grain(rve, elasticity)
    extents = extents.to(torch.float64)
    order = FINE if float(extents.max() / extents.min()) <= SHORT else FINEST
    medium, settled = self_consistent_medium(grains, rve.volume_fractions, extents, order=order)
    if not bool(settled):
        raise ConvergenceError(
            f"The self-consistent average must settle within {MAX_ITERATIONS} iterations, "
            "but does not."
        )
    if not arrangement:
        return medium
    fractions = rve.volume_fractions
    polarization = polarization_tensor(medium, extents, order)
    scattered = scattering(grains, fractions, medium, polarization)
    pairs = arrangement_term(rve.grain_id, rve.spacing, scattered, fractions, medium, polarization)
    bounds = ElasticAverages.of_grains(grains, fractions)
    return clamp_between(medium + pairs, bounds.reuss, bounds.voigt)


def grain_extents(rve: Polycrystal) -> Float[Tensor, "3"]:
    """Measure extents along x, y, z: mean intercepts over their geometric mean. [-]"""
    return relative_extents(mean_intercepts(rve))


def relative_extents(intercepts: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Divide by the geometric mean, and keep what the directions resolve. [-]"""
    mean = intercepts.log().mean(-1, keepdim=True).exp()
    return (intercepts / mean).clamp(1 / MAX_ASPECT, MAX_ASPECT)


def self_consistent_medium(
    grains: Float[Tensor, "*batch grains 6 6"],
    fractions: Float[Tensor, "*batch grains"],
    extents: Float[Tensor, "*batch 3"],
    tolerance: float = TOLERANCE,
    iterations: int = MAX_ITERATIONS,
    order: int = ORDER,
) -> tuple[Float[Tensor, "*batch 6 6"], Tensor]:
    """Iterate from Hill's average.

    Args:
        grains: Mandel stiffness of each grain. [MPa]
        fractions: Volume fractions. [-]
        extents: Of the grains along x, y, z. [-]
        tolerance: Largest relative change at which to stop.
        iterations: Most iterations.
        order: Of the directions, see `sphere_directions`.
    Returns:
        Mandel stiffness [MPa], and whether it settled.
    """
    voigt = torch.einsum("...g,...gmn->...mn", fractions, grains)
    compliance = torch.einsum("...g,...gmn->...mn", fractions, torch.linalg.inv(grains))
    medium = 0.5 * (voigt + torch.linalg.inv(compliance))
    settled = torch.zeros(grains.shape[:-3], dtype=torch.bool, device=grains.device)
    for _ in range(iterations):
        constraint = medium_constraint(medium, extents, order)
        update = constrained_average(grains, fractions, constraint)
        change = torch.linalg.matrix_norm(update - medium) / torch.linalg.matrix_norm(update)
        medium, settled = update, change <= tolerance
        if bool(settled.all()):
            break
    return medium, settled


def medium_constraint(
    medium: Float[Tensor, "*batch 6 6"], extents: Float[Tensor, "*batch 3"], order: int = ORDER
) -> Float[Tensor, "*batch 6 6"]:
    """Find how stiffly a medium resists a grain's strain: C* = P⁻¹ - C >= 0. [MPa]"""
    constraint = torch.linalg.inv(polarization_tensor(medium, extents, order)) - medium
    return 0.5 * (constraint + constraint.mT)


def constrained_average(
    grains: Float[Tensor, "*batch grains 6 6"],
    fractions: Float[Tensor, "*batch grains"],
    constraint: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch 6 6"]:
    """Average grains that a surrounding C* holds: [Σ f (C_g + C*)⁻¹]⁻¹ - C*. [MPa]"""
    held = torch.linalg.inv(grains + constraint[..., None, :, :])
    mean = torch.einsum("...g,...gmn->...mn", fractions, held)
    average = torch.linalg.inv(mean) - constraint
    return 0.5 * (average + average.mT)
