"""The materials that ship with the package: names, lattices, laws, validity and sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.shipped import SHIPPED
from polyxtal.files.yaml import read_yaml

_CATALOG = Path(__file__).with_name("catalog.yaml")


@dataclass(frozen=True)
class MaterialEntry:
    """A shipped material.

    Attributes:
        name: Name for `load_material`.
        title: Short description.
        lattice: Pearson symbol.
        c_over_a: Ratio of the cell's edges, of hexagonal and tetragonal lattices. [-]
        law: Name of the plasticity law; "none" for elastic only.
        systems: Number of slip and twin systems.
        validity: Range of validity of its parameters.
        references: Sources of its parameters.
    """

    name: str
    title: str
    lattice: str
    c_over_a: float | None
    law: str
    systems: int
    validity: str
    references: tuple[str, ...]


def materials() -> dict[str, MaterialEntry]:
    """Return the materials that ship with the package.

    Returns:
        Entry of each material, by the name that `load_material` takes.

    Example:
        >>> import polyxtal as px
        >>> px.materials()["Ti"].lattice, px.materials()["Ti"].law
        ('hP', 'phenopowerlaw')
    """
    known = read_yaml(_CATALOG)
    entries = {}
    for name in sorted(path.stem for path in SHIPPED.glob("*.yaml")):
        material, about = load_material(name), known[name]
        law = material.law()
        entries[name] = MaterialEntry(
            name,
            about["title"],
            material.lattice.symbol,
            material.lattice.c_over_a,
            law.name,
            len(law.schmid),
            about["validity"],
            tuple(about["references"]),
        )
    return entries
