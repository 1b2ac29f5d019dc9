"""What is known of a polycrystal's stiffness without learning: tensors that turn as it does.

A learned head only weighs them, by numbers that no turn changes, so that its answer turns, too; as
networks on a basis of tensors do in turbulence [Ling2016].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.arrangement import arrangement_term, pair_term, scattering
from polyxtal.mechanics.green import DEVIATORS, STRAIN_BASIS
from polyxtal.mechanics.polarization import polarization_tensor
from polyxtal.mechanics.self_consistent import (
    MAX_ITERATIONS,
    constrained_average,
    grain_extents,
    medium_constraint,
    self_consistent_medium,
)
from polyxtal.mechanics.self_consistent_cubic import CubicGrains, CubicMedium, acoustic_of
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
    """Tensors and invariants of one polycrystal, or of many.

    Attributes:
        voigt: Upper bound. [MPa]
        reuss: Lower bound. [MPa]
        consistent: Self-consistent average with ellipsoidal grains. [MPa]
        terms: What may be added to it, see `TERMS`: the pair term of `mechanics.arrangement`, and
            how C changes with the logarithm of the constraint C*. [MPa]
        invariants: Numbers that no turn changes, see `INVARIANTS`. [-]
    """

    voigt: Float[Tensor, "*batch 6 6"]
    reuss: Float[Tensor, "*batch 6 6"]
    consistent: Float[Tensor, "*batch 6 6"]
    terms: Float[Tensor, "*batch terms 6 6"]
    invariants: Float[Tensor, "*batch invariants"]

    @property
    def hill(self) -> Float[Tensor, "*batch 6 6"]:
        """Mean of the bounds. [MPa]"""
        return 0.5 * (self.voigt + self.reuss)


def shear_over_bulk(crystal: CubicElasticity) -> float:
    """Voigt's shear modulus over the bulk modulus. [-]"""
    shear = (crystal.c11 - crystal.c12 + 3 * crystal.c44) / 5
    return shear / crystal.bulk_modulus


def stiffness_basis(
    rve: Polycrystal, crystal: CubicElasticity, compiled: bool = True
) -> StiffnessBasis:
    """Compute what is known of a polycrystal of one crystal.

    Args:
        rve: Polycrystal.
        crystal: Of all grains.
        compiled: Make use of the cubic crystals, in compiled loops; else the readable form.
    Raises:
        ConvergenceError: if the self-consistent average does not settle.
    """
    return _of_cubic_grains(rve, crystal) if compiled else _of_any_grains(rve, crystal)


def _of_any_grains(rve: Polycrystal, crystal: CubicElasticity) -> StiffnessBasis:
    grains = crystal.stiffness(rve.orientations)
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    voigt = torch.einsum("g,gmn->mn", fractions, grains)
    reuss = torch.linalg.inv(torch.einsum("g,gmn->mn", fractions, torch.linalg.inv(grains)))
    reuss = 0.5 * (reuss + reuss.mT)
    medium, settled = self_consistent_medium(grains, fractions, extents, SETTLED)
    _must_have_settled(bool(settled))
    polarization = polarization_tensor(medium, extents)
    scattered = scattering(grains, fractions, medium, polarization)
    parts = (scattered, fractions, medium, polarization)
    pairs = arrangement_term(rve.grain_id, rve.spacing, *parts, compiled=False)
    constraint = medium_constraint(medium, extents)
    stiffer, softer = (
        constrained_average(grains, fractions, constraint * math.exp(sign * STEP))
        for sign in (1, -1)
    )
    softening = (stiffer - softer) / (2 * STEP)
    strength = float(texture_strength(rve.orientations, fractions))
    invariants = _invariants(crystal, strength, extents, fractions)
    return StiffnessBasis(voigt, reuss, medium, torch.stack([pairs, softening]), invariants)


def _of_cubic_grains(rve: Polycrystal, crystal: CubicElasticity) -> StiffnessBasis:
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    grains = CubicGrains.of(rve.orientations, fractions, crystal)
    problem = CubicMedium(grains, extents)
    medium, settled = problem.settle(SETTLED, MAX_ITERATIONS)
    _must_have_settled(settled)
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
    # The harmonics of degree 4 are what a projector of rank two lacks to the unit matrix.
    strength = np.linalg.norm(grains.mean_projector() - 0.4 * np.eye(DEVIATORS)) / math.sqrt(1.2)
    invariants = _invariants(crystal, float(strength), extents, fractions)
    return StiffnessBasis(voigt, reuss, consistent, torch.stack(terms), invariants)


def _must_have_settled(settled: bool) -> None:
    if not settled:
        raise ConvergenceError("The self-consistent average must settle, but does not.")


def _invariants(
    crystal: CubicElasticity, strength: float, extents: Tensor, fractions: Tensor
) -> Tensor:
    anisotropy = math.log(crystal.zener)
    return torch.tensor(
        [
            anisotropy,
            anisotropy**2,
            math.log(shear_over_bulk(crystal)),
            strength,
            float(extents.log().square().sum()),
            -math.log(float(fractions.square().sum())),
        ],
        dtype=torch.float64,
    )
