"""Bounds and averages that need volume fractions and orientations only.

For any microstructure and in the sense of quadratic forms, C_Reuss <= C <= C_Voigt [Hill1952].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import Elasticity
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.microstructure.polycrystal import Polycrystal


class ElasticAverages(NamedTuple):
    """The averages of Voigt, Reuss and Hill, Mandel. [MPa]"""

    voigt: Float[Tensor, "6 6"]
    reuss: Float[Tensor, "6 6"]
    hill: Float[Tensor, "6 6"]

    @classmethod
    def of_grains(
        cls, grains: Float[Tensor, "grains 6 6"], fractions: Float[Tensor, " grains"]
    ) -> ElasticAverages:
        """Average the Mandel stiffness of grains [MPa] by their volume fractions [-]."""
        voigt = torch.einsum("g,gmn->mn", fractions, grains)
        reuss = torch.linalg.inv(torch.einsum("g,gmn->mn", fractions, torch.linalg.inv(grains)))
        # Inversion leaves an asymmetry of rounding, which eigenvalue solvers would act upon.
        reuss = 0.5 * (reuss + reuss.mT)
        return cls(voigt, reuss, 0.5 * (voigt + reuss))


def elastic_averages(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> ElasticAverages:
    """Return the averages of Voigt, Reuss and Hill, at the cost of one of them.

    Args:
        rve: Polycrystal.
        elasticity: Elastic constants of all grains, or of each phase by name.
    Raises:
        ValueError: if a phase is missing from `elasticity`.
    """
    return ElasticAverages.of_grains(stiffness_per_grain(rve, elasticity), rve.volume_fractions)


def voigt_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Return the mean stiffness: all grains share one strain; the upper bound.

        C_Voigt = Σ_g f_g C_g    [Voigt1889]

    Args:
        rve: Polycrystal.
        elasticity: Elastic constants of all grains, or of each phase by name.
    Returns:
        Mandel stiffness. [MPa]
    Raises:
        ValueError: if a phase is missing from `elasticity`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> voigt = px.voigt_average(rve, copper)
        >>> round(px.engineering_constants(voigt).E_x / 1e3, 1)  # Young's modulus [GPa]
        137.6
    """
    return elastic_averages(rve, elasticity).voigt


def reuss_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Return the inverse of the mean compliance: all grains share one stress; the lower bound.

        C_Reuss = (Σ_g f_g C_g⁻¹)⁻¹    [Reuss1929]

    Arguments, result [MPa] and errors are those of `voigt_average`.

    Example:
        >>> import polyxtal as px
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> reuss = px.reuss_average(px.tessellate(grid=8, grains=20, seed=1), copper)
        >>> round(px.engineering_constants(reuss).E_x / 1e3, 1)  # Young's modulus [GPa]
        104.3
    """
    return elastic_averages(rve, elasticity).reuss


def hill_average(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "6 6"]:
    """Return the mean of the averages of Voigt and Reuss: an estimate, not a bound.

        C_Hill = (C_Voigt + C_Reuss) / 2    [Hill1952]

    Arguments, result [MPa] and errors are those of `voigt_average`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> hill = px.hill_average(rve, px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3))
        >>> round(px.engineering_constants(hill).E_x / 1e3, 1)  # Young's modulus [GPa]
        121.2
    """
    return elastic_averages(rve, elasticity).hill
