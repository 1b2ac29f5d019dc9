"""Physical basis of the stiffness head: tensors that rotate with the polycrystal, and invariants.

The head only weighs the tensors by functions of the invariants, so that its prediction is
equivariant under rotations; tensor-basis networks of turbulence do the same [Ling2016].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.bounds.moduli import (
    bulk_modulus,
    bulk_modulus_voigt,
    mean_shear_modulus_reuss,
    mean_shear_modulus_voigt,
)
from polyxtal.mechanics.elastic.green import DEVIATORS, STRAIN_BASIS
from polyxtal.mechanics.mean_field.pair_correlation import arrangement_term, pair_term, scattering
from polyxtal.mechanics.mean_field.polarization import polarization_tensor
from polyxtal.mechanics.mean_field.self_consistent import (
    MAX_ITERATIONS,
    constrained_average,
    grain_extents,
    medium_constraint,
    self_consistent_medium,
)
from polyxtal.mechanics.mean_field.self_consistent_cubic import (
    CubicGrains,
    CubicMedium,
    acoustic_of,
)
from polyxtal.microstructure.phases import check_elastic_symmetry, per_phase
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import texture_strength

INVARIANTS = (
    "log Zener ratio",
    "its square",
    "log of shear over bulk modulus",
    "texture strength",
    "square of the log extents",
    "log of effective grains",
)
TERMS = ("arrangement", "softening")
SETTLED = 1e-7
STEP = 0.01


class StiffnessBasis(NamedTuple):
    """Tensors and invariants of one polycrystal, or of several.

    Attributes:
        voigt: Upper bound. [MPa]
        reuss: Lower bound. [MPa]
        consistent: Self-consistent average with ellipsoidal grains. [MPa]
        terms: Terms that are added to it, see `TERMS`: the pair-correlation term and the
            derivative of C with respect to the logarithm of the constraint tensor C*. [MPa]
        invariants: Rotation invariants, see `INVARIANTS`. [-]
    """

    voigt: Float[Tensor, "*batch 6 6"]
    reuss: Float[Tensor, "*batch 6 6"]
    consistent: Float[Tensor, "*batch 6 6"]
    terms: Float[Tensor, "*batch terms 6 6"]
    invariants: Float[Tensor, "*batch invariants"]

    @property
    def hill(self) -> Float[Tensor, "*batch 6 6"]:
        """Hill's average, the mean of the bounds. [MPa]"""
        return 0.5 * (self.voigt + self.reuss)


def shear_over_bulk(crystal: CubicElasticity) -> float:
    """Return the ratio of Voigt's shear modulus to the bulk modulus. [-]"""
    shear = (crystal.c11 - crystal.c12 + 3 * crystal.c44) / 5
    return shear / crystal.bulk_modulus


def stiffness_basis(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity], compiled: bool = True
) -> StiffnessBasis:
    """Compute the physical basis of a polycrystal.

    Several crystals, or one that is not cubic, have equivalent invariants: the Zener ratio above 1
    with their universal anisotropy, Voigt's moduli, and as texture strength the anisotropy of
    Voigt's average relative to that of the grains.

    Args:
        rve: Polycrystal.
        elasticity: Crystal of all grains, or one per phase name.
        compiled: Use compiled loops, with a special form for one cubic crystal (default); else the
            readable form.
    Raises:
        ConvergenceError: if the self-consistent average does not converge.
        ValueError: if a phase is missing from `elasticity`, or its constants lack the symmetry of
            its lattice.
    """
    crystals = per_phase(elasticity, Elasticity, rve.phase, rve.phase_names, "elasticity")
    check_elastic_symmetry(rve.lattices, crystals, rve.phase_names)
    crystal, *others = set(crystals.values())
    single = crystal if isinstance(crystal, CubicElasticity) and not others else None
    if compiled and single is not None:
        return _of_cubic_grains(rve, single)
    return _of_any_grains(rve, stiffness_per_grain(rve, elasticity), single, compiled)


def _of_any_grains(
    rve: Polycrystal, grains: Tensor, crystal: CubicElasticity | None, compiled: bool
) -> StiffnessBasis:
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    voigt = torch.einsum("g,gmn->mn", fractions, grains)
    reuss = torch.linalg.inv(torch.einsum("g,gmn->mn", fractions, torch.linalg.inv(grains)))
    reuss = 0.5 * (reuss + reuss.mT)
    medium, settled = self_consistent_medium(grains, fractions, extents, SETTLED)
    _check_converged(bool(settled))
    polarization = polarization_tensor(medium, extents)
    scattered = scattering(grains, fractions, medium, polarization)
    parts = (scattered, fractions, medium, polarization)
    pairs = arrangement_term(rve.grain_id, rve.spacing, *parts, compiled)
    constraint = medium_constraint(medium, extents)
    stiffer, softer = (
        constrained_average(grains, fractions, constraint * math.exp(sign * STEP))
        for sign in (1, -1)
    )
    softening = (stiffer - softer) / (2 * STEP)
    if crystal is not None:
        strength = float(texture_strength(rve.orientations, fractions))
        invariants = _invariants(_numbers(crystal), strength, extents, fractions)
    else:
        strength = _elastic_texture(grains, fractions)
        invariants = _invariants(_mean_numbers(grains, fractions), strength, extents, fractions)
    return StiffnessBasis(voigt, reuss, medium, torch.stack([pairs, softening]), invariants)


def _of_cubic_grains(rve: Polycrystal, crystal: CubicElasticity) -> StiffnessBasis:
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    grains = CubicGrains.of(rve.orientations, fractions, crystal)
    problem = CubicMedium(grains, extents)
    medium, settled = problem.settle(SETTLED, MAX_ITERATIONS)
    _check_converged(settled)
    polarization = problem.polarization(medium)
    yielding = polarization[:DEVIATORS, :DEVIATORS]
    whole = problem.whole(medium)
    scale = float(np.linalg.norm(whole))
    pairs = pair_term(
        rve.grain_id,
        rve.spacing,
        torch.from_numpy(grains.scattering(medium, yielding) / scale),
        fractions,
        torch.from_numpy(acoustic_of(whole / scale)),
        torch.from_numpy(yielding * scale),
    ).numpy()
    stiffer, softer = (
        problem.softened(medium, polarization, math.exp(sign * STEP)) for sign in (1, -1)
    )
    deviators = np.stack(
        [*grains.bounds(), medium, 0.5 * scale * (pairs + pairs.T), (stiffer - softer) / (2 * STEP)]
    )
    tensors = np.zeros((len(deviators), 6, 6))
    tensors[:, :DEVIATORS, :DEVIATORS] = deviators
    tensors[:3, DEVIATORS, DEVIATORS] = grains.dilatation
    voigt, reuss, consistent, *terms = STRAIN_BASIS.mT @ torch.from_numpy(tensors) @ STRAIN_BASIS
    # The mean projector of a random texture is 0.4 of the unit matrix; the rest is of degree 4.
    strength = np.linalg.norm(grains.mean_projector() - 0.4 * np.eye(DEVIATORS)) / math.sqrt(1.2)
    invariants = _invariants(_numbers(crystal), float(strength), extents, fractions)
    return StiffnessBasis(voigt, reuss, consistent, torch.stack(terms), invariants)


def _check_converged(settled: bool) -> None:
    if not settled:
        raise ConvergenceError("The self-consistent average must converge, but does not.")


def _numbers(crystal: CubicElasticity) -> tuple[float, float]:
    """Return the logarithm of the Zener ratio, and the ratio of shear to bulk modulus. [-]"""
    return math.log(crystal.zener), shear_over_bulk(crystal)


def _mean_numbers(grains: Tensor, fractions: Tensor) -> tuple[float, float]:
    """Return equivalent numbers for crystals of any symmetry, from their random mixture.

    A cubic crystal of Zener ratio A has A_U = 6/5 (√A - 1/√A)², see `universal_anisotropy`.
    """
    bulk, shear = (
        float((fractions * modulus(grains)).sum())
        for modulus in (bulk_modulus_voigt, mean_shear_modulus_voigt)
    )
    soft_bulk, soft_shear = (
        1 / float((fractions / modulus(grains)).sum())
        for modulus in (bulk_modulus, mean_shear_modulus_reuss)
    )
    universal = max(0.0, 5 * shear / soft_shear + bulk / soft_bulk - 6)
    return 2 * math.asinh(math.sqrt(5 * universal / 24)), shear / bulk


def _elastic_texture(grains: Tensor, fractions: Tensor) -> float:
    """Return the anisotropic part of Voigt's average over the grains': 1 in a single crystal."""
    dilatation = torch.zeros(6, 6, dtype=grains.dtype)
    dilatation[:3, :3] = 1.0
    deviation = 2 * (torch.eye(6, dtype=grains.dtype) - dilatation / 3)
    shear, bulk = mean_shear_modulus_voigt(grains), bulk_modulus_voigt(grains)
    isotropic = bulk[:, None, None] * dilatation + shear[:, None, None] * deviation
    anisotropic = grains - isotropic
    alone = float((fractions * torch.linalg.matrix_norm(anisotropic)).sum())
    together = float(torch.linalg.matrix_norm(torch.einsum("g,gmn->mn", fractions, anisotropic)))
    return together / alone if alone > SETTLED * float(bulk.max()) else 0.0


def _invariants(
    numbers: tuple[float, float], strength: float, extents: Tensor, fractions: Tensor
) -> Tensor:
    anisotropy, ratio = numbers
    return torch.tensor(
        [
            anisotropy,
            anisotropy**2,
            math.log(ratio),
            strength,
            float(extents.log().square().sum()),
            -math.log(float(fractions.square().sum())),
        ],
        dtype=torch.float64,
    )
