"""What is known of a polycrystal's stiffness without learning: tensors that turn as it does.

A learned head only weighs them, by numbers that no turn changes, so that its answer turns, too; as
networks on a basis of tensors do in turbulence [Ling2016].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.arrangement import arrangement_term, scattering
from polyxtal.mechanics.polarization import polarization_tensor
from polyxtal.mechanics.self_consistent import (
    constrained_average,
    grain_extents,
    medium_constraint,
    self_consistent_medium,
)
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


def stiffness_basis(rve: Polycrystal, crystal: CubicElasticity) -> StiffnessBasis:
    """Compute what is known of a polycrystal of one crystal.

    Raises:
        ConvergenceError: if the self-consistent average does not settle.
    """
    grains = crystal.stiffness(rve.orientations)
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    voigt = torch.einsum("g,gmn->mn", fractions, grains)
    reuss = torch.linalg.inv(torch.einsum("g,gmn->mn", fractions, torch.linalg.inv(grains)))
    reuss = 0.5 * (reuss + reuss.mT)
    medium, settled = self_consistent_medium(grains, fractions, extents, SETTLED)
    if not bool(settled):
        raise ConvergenceError("The self-consistent average must settle, but does not.")
    polarization = polarization_tensor(medium, extents)
    scattered = scattering(grains, fractions, medium, polarization)
    pairs = arrangement_term(rve.grain_id, rve.spacing, scattered, fractions, medium, polarization)
    constraint = medium_constraint(medium, extents)
    stiffer, softer = (
        constrained_average(grains, fractions, constraint * math.exp(sign * STEP))
        for sign in (1, -1)
    )
    softening = (stiffer - softer) / (2 * STEP)
    anisotropy = math.log(crystal.zener)
    invariants = torch.stack(
        [
            torch.tensor(anisotropy, dtype=torch.float64),
            torch.tensor(anisotropy**2, dtype=torch.float64),
            torch.tensor(math.log(shear_over_bulk(crystal)), dtype=torch.float64),
            texture_strength(rve.orientations, fractions).to(torch.float64),
            extents.log().square().sum(),
            -fractions.square().sum().log(),
        ]
    )
    return StiffnessBasis(voigt, reuss, medium, torch.stack([pairs, softening]), invariants)
