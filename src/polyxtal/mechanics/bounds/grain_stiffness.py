"""The stiffness of every grain in the sample frame, from which all averages and fields start."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.microstructure.phases import check_elastic_symmetry, per_phase
from polyxtal.microstructure.polycrystal import Polycrystal


def stiffness_per_grain(
    rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
) -> Float[Tensor, "grains 6 6"]:
    """Return the stiffness of every grain in the sample frame.

        C_g = M(R_g) C_crystal M(R_g)ᵀ

    Args:
        rve: Polycrystal.
        elasticity: Elastic constants of all grains, or of each phase by name.
    Returns:
        Mandel stiffness of each grain. [MPa]
    Raises:
        ValueError: if a phase that has grains is missing from `elasticity`, or its constants lack
            the symmetry of its lattice.
    """
    require_type(rve, Polycrystal, "rve")
    stiffness = rve.orientations.new_zeros(rve.grains, 6, 6)
    crystals = per_phase(elasticity, Elasticity, rve.phase, rve.phase_names, "elasticity")
    check_elastic_symmetry(rve.lattices, crystals, rve.phase_names)
    for index, crystal in crystals.items():
        members = rve.phase == index
        stiffness[members] = crystal.stiffness(rve.orientations[members])
    return stiffness
