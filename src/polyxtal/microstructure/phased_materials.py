"""The material of every grain, by its phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.files.wording import listing
from polyxtal.microstructure.phases import check_lattices, per_phase

VOID = -1
"""Place of voids."""

MaterialByPhase = Material | Mapping[str, Material | None]
"""One material for all grains, or one for each phase name; None is a void."""


class PhasedMaterials(NamedTuple):
    """The materials that occur, and that of each grain.

    Attributes:
        materials: Each once, in the order of the phases.
        place: Index into `materials` of every grain, or `VOID`.
        phases: Index of the phase of each material.
    """

    materials: list[Material]
    place: Int[Tensor, " grains"]
    phases: list[int]

    @classmethod
    def of(
        cls,
        material: MaterialByPhase,
        phase: Int[Tensor, " grains"],
        phase_names: Sequence[str],
        lattices: Sequence[Lattice | None] = (),
        voids: bool = False,
    ) -> PhasedMaterials:
        """Return the materials that occur, and that of every grain.

        Args:
            material: One material for all grains, or one for each phase name; None is a void.
            phase: Phase of every grain, an index into `phase_names`.
            phase_names: Name of each phase.
            lattices: Lattice of each phase, None where it is unknown; checked against the
                materials'.
            voids: Whether phases may be voids.
        Raises:
            ValueError: if a phase that occurs has no material, one of another lattice, or a void
                is named that is no phase.
        """
        void = torch.zeros(len(phase), dtype=torch.bool)
        if voids and isinstance(material, Mapping):
            strange = sorted(n for n, m in material.items() if m is None and n not in phase_names)
            if strange:
                raise ValueError(
                    f"A void must be a phase of the polycrystal, {listing(phase_names)}, "
                    f"but {strange[0]!r} is not."
                )
            for index, name in enumerate(phase_names):
                if name in material and material[name] is None:
                    void |= phase == index
            material = {name: m for name, m in material.items() if m is not None}
        found: dict[int, Material] = per_phase(
            material,
            Material,
            phase[~void],
            phase_names,
            "material",  # type: ignore[arg-type]
        )
        if lattices:
            check_lattices(lattices, found, phase_names)
        place = torch.full((len(phase_names),), VOID)
        for position, index in enumerate(found):
            place[index] = position
        return cls(list(found.values()), torch.where(void, VOID, place[phase]), list(found))
