"""Materials and lattices by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from jaxtyping import Int
from torch import Tensor

from polyxtal.argument_types import require_type, with_article
from polyxtal.crystal.elastic_constants import common_group, elastic_symmetry, has_symmetry
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.files.wording import listing, shorten

RATIO_TOLERANCE = 0.02
"""Largest relative difference of c/a between a phase and its material. [-]"""

_T = TypeVar("_T")


def per_phase(
    given: _T | Mapping[str, _T],
    kind: type[_T],
    phase: Int[Tensor, " grains"],
    phase_names: Sequence[str],
    argument: str,
) -> dict[int, _T]:
    """Return the entry of every phase that occurs.

    Args:
        given: One entry for all phases, or one for each phase name.
        kind: Type of an entry.
        phase: Phase of every grain, an index into `phase_names`.
        argument: Name of the caller's argument, for errors.
    Returns:
        Entry of each phase index that occurs, in ascending order.
    Raises:
        ValueError: if an entry is of another kind, or a phase that occurs has none.
    """
    used: list[int] = phase.unique().tolist()
    if isinstance(given, kind):
        return {index: given for index in used}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"Argument `{argument}` must be {with_article(kind)}, or one for each phase name, "
            f"but is {with_article(type(given))}."
        )
    entries: dict[int, _T] = {}
    for index in used:
        name = phase_names[index]
        entry = given.get(name)
        if entry is None and name in given:
            raise ValueError(
                f"Argument `{argument}` must hold {with_article(kind)} for each phase, but "
                f"{shorten(name)} is a void (None), which only full fields may have."
            )
        if entry is None:
            raise ValueError(
                f"Argument `{argument}` must hold every phase of the polycrystal, "
                f"but it holds {listing(sorted(map(str, given)))} and not {shorten(name)}."
            )
        if not isinstance(entry, kind):
            raise ValueError(
                f"Argument `{argument}` must hold {with_article(kind)} for each phase, "
                f"but for {shorten(name)} it holds {with_article(type(entry))}."
            )
        entries[index] = entry
    return entries


def check_names(materials: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that materials belong to phases of a polycrystal.

    Raises:
        ValueError: if the name of one is that of no phase.
    """
    require_type(materials, Mapping, "materials")
    for material in materials.values():
        require_type(material, (Material, Mapping), "materials")
    unknown = [name for name in materials if name not in names]
    if unknown:
        raise ValueError(
            f"Argument `materials` must name phases of the polycrystal "
            f"({listing(names)}), but names {listing(unknown)}."
        )


def material_lattices(
    lattices: Sequence[Lattice | None], materials: Mapping[int, Material], names: Sequence[str]
) -> list[Lattice | None]:
    """Return the lattice of each phase: that of its material where it has one.

    Raises:
        ValueError: if a phase is known to have another lattice, see `check_lattices`.
    """
    check_lattices(lattices, materials, names)
    return [materials[k].lattice if k in materials else known for k, known in enumerate(lattices)]


def check_lattices(
    lattices: Sequence[Lattice | None], materials: Mapping[int, Material], names: Sequence[str]
) -> None:
    """Check that the lattice of each phase is that of its material.

    Args:
        lattices: Lattice of each phase; None (unknown) agrees with all.
        materials: Material of each phase index that occurs.
        names: Name of each phase.
    Raises:
        ValueError: if the lattices, or their c/a by more than 2 %, differ.
    """
    for index, material in materials.items():
        known, given = lattices[index], material.lattice
        if known is None:
            continue
        if not known.agrees_with(given):
            raise ValueError(
                f"The material of phase {names[index]!r}, {known.family} ({known.symbol}), must "
                f"have its lattice, but {material.name!r} is {given.family} ({given.symbol})."
            )
        mine, theirs = known.c_over_a, given.c_over_a
        if mine and theirs and abs(mine / theirs - 1) > RATIO_TOLERANCE:
            raise ValueError(
                f"The material of phase {names[index]!r} must have its c/a of {mine:.4g}, "
                f"but {material.name!r} has {theirs:.4g}."
            )


def check_elastic_symmetry(
    lattices: Sequence[Lattice | None], crystals: Mapping[int, Elasticity], names: Sequence[str]
) -> None:
    """Check that the elastic constants of each phase have the symmetry of its lattice.

    Args:
        lattices: Lattice of each phase; None (unknown) allows all.
        crystals: Elastic constants of each phase index that occurs.
        names: Name of each phase.
    Raises:
        ValueError: if the constants of a phase lack the symmetry.
    """
    for index, crystal in crystals.items():
        lattice = lattices[index]
        if lattice is not None and not has_symmetry(crystal, lattice.laue_group):
            raise ValueError(
                f"Phase {names[index]!r} is {lattice.family} ({lattice.laue_group.name}), "
                f"but its elastic constants are {elastic_symmetry(crystal)} "
                f"({common_group(crystal).name})."
            )
