"""A polycrystal as one crystal per grain, the input of all mean-field models."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.microstructure.polycrystal import Polycrystal


def crystals_of(
    rve: Polycrystal, material: Material | Mapping[str, Material]
) -> tuple[CompiledCrystalPlasticity, CrystalState, Float[Tensor, " crystals"]]:
    """Return the plasticity law, initial state and volume fractions of the grains with voxels.

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name.
    Returns:
        Law of the crystals, their undeformed state, and their volume fractions [-].
    Raises:
        ValueError: if a phase has no material.
    """
    require_type(rve, Polycrystal, "rve")
    volume = rve.volume_fractions
    members = (volume > 0).nonzero().flatten()
    phased = PhasedMaterials.of(material, rve.phase[members], rve.phase_names, rve.lattices)
    law = CompiledCrystalPlasticity(phased.materials, phased.place)
    return law, law.initial_state(rve.orientations[members]), volume[members]
