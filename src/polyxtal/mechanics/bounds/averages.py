"""Bounds and averages that need volume fractions and orientations only.

For any microstructure and in the sense of quadratic forms, C_Reuss <= C <= C_Voigt [Hill1952].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import Elasticity
from polyxtal.microstructure.phases import check_elastic_symmetry, per_phase
from polyxtal.microstructure.polycrystal import Polycrystal


def stiffness_per_grain(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "grains 6 6"]:
    """Build the stiffness of every grain in the sample frame.

        C_g = M(R_g) C_crystal M(R_g)ᵀ

    Args:
        rve: Polycrystal.
        elasticity: One crystal for all grains, or one for each phase name.
    Returns:
        Mandel stiffness of each grain. [MPa]
    Raises:
        ValueError: if a phase that has grains is missing from `elasticity`, or its constants lack
            the symmetry of its lattice.
    """
    stiffness = rve.orientations.new_zeros(rve.grains, 6, 6)
    crystals = per_phase(elasticity, Elasticity, rve.phase, rve.phase_names, "elasticity")
    check_elastic_symmetry(rve.lattices, crystals, rve.phase_names)
    for index, crystal in crystals.items():
        members = rve.phase == index
        stiffness[members] = crystal.stiffness(rve.orientations[members])
    return stiffness


def voigt_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Average the stiffness: every grain takes the same strain; the upper bound.

        C_Voigt = Σ_g f_g C_g    [Voigt1889]

    Args:
        rve: Polycrystal.
        elasticity: One crystal for all grains, or one for each phase name.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ValueError: if a phase is missing from `elasticity`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> stiffness = px.voigt_average(rve, copper)
        >>> round(px.engineering_constants(stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        137.6
    """
    grains = stiffness_per_grain(rve, elasticity)
    return torch.einsum("g,gmn->mn", rve.volume_fractions, grains)


def reuss_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Average the compliance: every grain takes the same stress; the lower bound.

        C_Reuss = (Σ_g f_g C_g⁻¹)⁻¹    [Reuss1929]

    Args:
        rve: Polycrystal.
        elasticity: One crystal for all grains, or one for each phase name.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ValueError: if a phase is missing from `elasticity`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> stiffness = px.reuss_average(rve, copper)
        >>> round(px.engineering_constants(stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        104.3
    """
    compliance = torch.linalg.inv(stiffness_per_grain(rve, elasticity))
    stiffness = torch.linalg.inv(torch.einsum("g,gmn->mn", rve.volume_fractions, compliance))
    # Inversion leaves an asymmetry of rounding, which eigenvalue solvers would act upon.
    return 0.5 * (stiffness + stiffness.mT)


def hill_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Return the mean of the Voigt and the Reuss average: an estimate, not a bound.

        C_Hill = (C_Voigt + C_Reuss) / 2    [Hill1952]

    Args:
        rve: Polycrystal.
        elasticity: One crystal for all grains, or one for each phase name.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ValueError: if a phase is missing from `elasticity`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> stiffness = px.hill_average(rve, copper)
        >>> round(px.engineering_constants(stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        121.2
    """
    return 0.5 * (voigt_average(rve, elasticity) + reuss_average(rve, elasticity))
