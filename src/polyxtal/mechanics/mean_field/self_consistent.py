"""Kröner's self-consistent average: each grain is embedded in the effective medium.

With the medium's constraint C* = P⁻¹ - C around an ellipsoid [Hill1965, Kroener1958]

    C = [Σ_g f_g (C_g + C*)⁻¹]⁻¹ - C*

C* = 0 gives Reuss's average and an infinite C* Voigt's. In between C increases with C* in the sense
of quadratic forms, so that C lies between the bounds for every C* >= 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.argument_types import require_type
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
"""Largest ratio of an extent to the geometric mean, or its inverse, that the directions on a
sphere resolve. [-]"""
FINE, FINEST, SHORT = 24, 48, 4.0
"""Orders of directions for extents that differ by up to a factor `SHORT`, and beyond. [-]"""


def self_consistent_average(
    rve: Polycrystal,
    elasticity: Elasticity | Mapping[str, Elasticity],
    extents: Float[Tensor, "3"] | None = None,
    arrangement: bool = False,
) -> Float[Tensor, "6 6"]:
    """Return Kröner's self-consistent average, anisotropic, with ellipsoidal grains.

    It accounts for the shape of grains, not for their neighbours. The pair-correlation term adds
    these (`mechanics/mean_field/pair_correlation.py`); the sum is clamped to the bounds of Reuss
    and Voigt.

    Args:
        rve: Polycrystal.
        elasticity: Elastic constants of all grains, or of each phase by name.
        extents: Mean grain extents along x, y, z, any unit; None measures them (`grain_extents`).
        arrangement: Whether to add the pair-correlation term; it takes one FFT of the grid.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ConvergenceError: if the iteration does not converge, at a very large contrast.
        ValueError: if a phase is missing from `elasticity` or an extent is not positive.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> stiffness = px.self_consistent_average(rve, copper)
        >>> round(px.engineering_constants(stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        122.5
    """
    require_type(rve, Polycrystal, "rve")
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
    """Return relative extents along x, y, z: mean intercepts over their geometric mean. [-]"""
    return relative_extents(mean_intercepts(rve))


def relative_extents(intercepts: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Return intercepts over their geometric mean, clamped to what the directions resolve. [-]"""
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
    """Return the self-consistent medium, iterated from Hill's average.

    Args:
        grains: Mandel stiffness of each grain. [MPa]
        fractions: Volume fractions. [-]
        extents: Relative grain extents along x, y, z. [-]
        tolerance: Largest relative change at convergence.
        iterations: Largest number of iterations.
        order: Order of the directions, see `sphere_directions`.
    Returns:
        Mandel stiffness [MPa], and whether it converged.
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
    """Return Hill's constraint tensor of a medium, C* = P⁻¹ - C >= 0. [MPa]"""
    constraint = torch.linalg.inv(polarization_tensor(medium, extents, order)) - medium
    return 0.5 * (constraint + constraint.mT)


def constrained_average(
    grains: Float[Tensor, "*batch grains 6 6"],
    fractions: Float[Tensor, "*batch grains"],
    constraint: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch 6 6"]:
    """Return the average of grains under a constraint C*: [Σ f (C_g + C*)⁻¹]⁻¹ - C*. [MPa]"""
    held = torch.linalg.inv(grains + constraint[..., None, :, :])
    mean = torch.einsum("...g,...gmn->...mn", fractions, held)
    average = torch.linalg.inv(mean) - constraint
    return 0.5 * (average + average.mT)
